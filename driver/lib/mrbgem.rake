# What an ordinary program expects of Ruby's core and mruby has not, written in Ruby. A gem, since mruby's
# build makes of it what costs an interpreter least at its opening: constant data, with symbols that are known.
MRuby::Gem::Specification.new('rubeam-lib') do |spec|
  spec.license = 'MIT'
  spec.author = 'Rubeam'
  spec.summary = 'methods of CRuby that mruby has not'
end
