# pp: what inspect gives if that fits into a line of 80 columns, else one element a line, as CRuby 3.1 does.
module Kernel
  def pp(*values)
    values.each { |value| $stdout.puts value.pretty_inspect.chomp }
    values.size < 2 ? values[0] : values
  end

  def pretty_inspect = PrettyPrint__.new.lay_out(self, 0, 0, 0) + "\n"
end

class PrettyPrint__
  WIDTH = 79

  def initialize
    @open = {} # ids of those that are being printed: they may contain themselves
  end

  # Begins at `column`; later lines are indented by `indent`; `behind` characters follow on the last line.
  def lay_out(value, column, indent, behind)
    return value.is_a?(Hash) ? "{...}" : "[...]" if @open[value.__id__]
    flat = value.inspect
    return flat if column + flat.size + behind <= WIDTH && !(value.is_a?(String) && flat.include?('\n'))
    return lines(value, flat, column, indent, behind) if value.is_a?(String)
    @open[value.__id__] = true
    text = parts(value, flat, indent, behind)
    @open.delete(value.__id__)
    text
  end

  def parts(value, flat, indent, behind)
    case value
    when Array then elements("[", value, "]", indent, behind)
    when Hash then pairs(value, indent, behind)
    when Set then "#<Set:\n#{' ' * (indent + 1)}" + elements("{", value.to_a, "}", indent + 1, behind + 1) + ">"
    when Struct then members("#<struct #{value.class.name}".rstrip, value.members, value.to_a, indent, behind)
    else
      return flat unless flat.start_with?("#<#{value.class}:0x") && value.instance_variables.size > 0
      names = value.instance_variables
      members(flat[0...flat.index(" ")], names, names.map { |name| value.instance_variable_get(name) }, indent, behind)
    end
  end

  def lines(value, flat, column, indent, behind)
    texts = value.lines.map(&:inspect)
    return flat if texts.size < 2
    line = texts.join(" + ")
    column + line.size + behind <= WIDTH ? line : texts.join(" +\n#{' ' * indent}")
  end

  def elements(open, values, close, indent, behind)
    inner = indent + open.size
    texts = each_with_behind(values, close.size + behind) { |value, after| lay_out(value, inner, inner, after) }
    open + texts.join(",\n#{' ' * inner}") + close
  end

  def pairs(hash, indent, behind)
    inner = indent + 1
    texts = each_with_behind(hash.to_a, 1 + behind) do |(key, value), after|
      flat = "#{key.inspect}=>#{value.inspect}"
      next flat if inner + flat.size + after <= WIDTH
      key = lay_out(key, inner, inner, 2)
      "#{key}=>\n#{' ' * (inner + 1)}" + lay_out(value, inner + 1, inner + 1, after)
    end
    "{" + texts.join(",\n#{' ' * inner}") + "}"
  end

  def members(head, names, values, indent, behind)
    inner = indent + 1
    texts = each_with_behind(names.zip(values), 1 + behind) do |(name, value), after|
      flat = "#{name}=#{value.inspect}"
      next flat if inner + flat.size + after <= WIDTH
      "#{name}=\n#{' ' * (inner + 1)}" + lay_out(value, inner + 1, inner + 1, after)
    end
    "#{head}\n#{' ' * inner}" + texts.join(",\n#{' ' * inner}") + ">"
  end

  # A comma follows each but the last, behind which comes what closes the whole.
  def each_with_behind(values, last)
    texts = []
    values.each_with_index { |value, index| texts << yield(value, index == values.size - 1 ? last : 1) }
    texts
  end
end
