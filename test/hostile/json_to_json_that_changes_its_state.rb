#=> ok
class Changes
  def to_json(state)
    state.indent = 'x' * 1000
    state.array_nl << 'more'
    state.max_nesting = -5
    state.instance_variable_set(:@depth, 'deep')
    state.instance_variable_set(:@space, nil)
    GC.start
    '0'
  rescue FrozenError
    '1'
  end
end
JSON.pretty_generate([Changes.new, [Changes.new, { a: [Changes.new] }]])
