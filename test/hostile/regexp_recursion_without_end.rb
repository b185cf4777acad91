#=> ok 3
['(?<a>\g<a>)', '\g<0>', '(?<a>a|\g<b>)(?<b>\g<a>)'].count do |source|
  begin
    Regexp.new(source) =~ 'a' * 1000
    true
  rescue RegexpError
    true
  end
end
