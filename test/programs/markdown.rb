# Renders a part of Markdown as HTML, without regular expressions.
SOURCE = <<~'MARKDOWN'
  # A title with *emphasis*

  The first paragraph has **strong** text, `code < here`
  and goes on in a second line & more.

  * one
  * two with *stress*
  * three

  ## Code

      def answer
        6 * 7
      end

  1. first
  2. second

  > quoted
  > twice

  ---
  The [link](http://example.org/?a=1&b=2) ends it.
MARKDOWN

class Markdown
  ESCAPES = { "&" => "&amp;", "<" => "&lt;", ">" => "&gt;" }.freeze
  SPANS = [["**", "strong"], ["*", "em"], ["`", "code"]].freeze

  def initialize(source)
    @lines = source.lines.map(&:chomp)
    @out = []
  end

  def render
    block(@lines.shift) until @lines.empty?
    @out.join("\n")
  end

  private

  def block(line)
    case line
    when "" then nil
    when "---" then @out << "<hr>"
    when ->(l) { l.start_with?("#") }
      level = line.chars.take_while { |c| c == "#" }.size
      @out << "<h#{level}>#{inline(line[level..].strip)}</h#{level}>"
    when ->(l) { l.start_with?("* ") } then list("ul", line) { |l| l.start_with?("* ") && l[2..] }
    when ->(l) { numbered(l) } then list("ol", line) { |l| numbered(l) }
    when ->(l) { l.start_with?("> ") }
      @out << "<blockquote>#{inline(take(line) { |l| l.start_with?('> ') && l[2..] }.join(' '))}</blockquote>"
    when ->(l) { l.start_with?("    ") }
      code = take(line) { |l| l.start_with?("    ") && l[4..] }
      @out << "<pre><code>" + code.map { |l| escape(l) }.join("\n") + "</code></pre>"
    else
      @out << "<p>#{inline(take(line) { |l| !l.empty? && l }.join(' '))}</p>"
    end
  end

  def numbered(line)
    number, rest = line.split(". ", 2)
    rest if rest && !number.empty? && number.each_char.all? { |c| ("0".."9").cover?(c) }
  end

  def take(line)
    taken = []
    while line && (text = yield(line))
      taken << text
      line = @lines.shift
    end
    @lines.unshift(line) if line
    taken
  end

  def list(tag, line, &block)
    items = take(line, &block).map { |item| "  <li>#{inline(item)}</li>" }
    @out.push("<#{tag}>", *items, "</#{tag}>")
  end

  def escape(text)
    text.each_char.map { |c| ESCAPES.fetch(c, c) }.join
  end

  def inline(text)
    result = +""
    until text.empty?
      mark, tag = SPANS.find { |m, _| text.start_with?(m) && text.index(m, m.size) }
      if mark
        close = text.index(mark, mark.size)
        inner = text[mark.size...close]
        result << "<#{tag}>" << (tag == "code" ? escape(inner) : inline(inner)) << "</#{tag}>"
        text = text[close + mark.size..]
      elsif text.start_with?("[") && (middle = text.index("](")) && (close = text.index(")", middle))
        result << %(<a href="#{escape(text[middle + 2...close])}">#{inline(text[1...middle])}</a>)
        text = text[close + 1..]
      else
        result << escape(text[0])
        text = text[1..]
      end
    end
    result
  end
end

puts Markdown.new(SOURCE).render
puts Markdown.new("just *text").render, Markdown.new("").render.inspect
