# Are the Elixir examples of README.md and docs/*.md right?
#
# A block that is marked ```elixir can be pasted into iex, and is run here: the expressions of a page
# in their order, by one process. A comment that begins with an arrow, behind an expression or on the
# lines after it, says what the last expression before it gives:
#
#     :rubeam.eval(ruby, "1 + 2")
#     # => {:ok, 3}
#
# What iex prints of a port, a pid or a reference stands for any. (The same for Erlang:
# test/erlang/docs_SUITE.erl.)

ExUnit.start()

defmodule DocsTest.Page do
  @root Path.expand("../..", __DIR__)

  def all, do: [Path.join(@root, "README.md") | Path.wildcard(Path.join(@root, "docs/*.md"))]

  # {first line, text} of each block
  def blocks(page) do
    Regex.scan(~r/^```elixir\n(.*?)^```/ms, File.read!(page), return: :index)
    |> Enum.map(fn [_, {start, length}] ->
      text = File.read!(page)
      before = binary_part(text, 0, start)
      {length(String.split(before, "\n")), binary_part(text, start, length)}
    end)
  end

  # {line, expression, {:is, value} | :any}
  def examples({first, text}) do
    {quoted, comments} = Code.string_to_quoted_with_comments!(text, line: first)

    expressions =
      case quoted do
        {:__block__, _, several} -> several
        one -> [one]
      end

    lines = Enum.map(expressions, &line/1)
    ends = Enum.drop(lines, 1) ++ [:infinity]

    Enum.zip([lines, ends, expressions])
    |> Enum.map(fn {line, next, expression} ->
      own = Enum.filter(comments, &(&1.line >= line and &1.line < next))
      {line, expression, expected(Enum.map(own, & &1.text))}
    end)
  end

  # The first line that is named anywhere in it: a call on a pipe's result has the pipe's.
  defp line(expression) do
    {_, line} =
      Macro.prewalk(expression, :infinity, fn
        {_, meta, _} = node, least -> {node, min(least, Keyword.get(meta, :line, least))}
        node, least -> {node, least}
      end)

    line
  end

  defp expected(["# => " <> text | more]) do
    further = Enum.take_while(more, &String.starts_with?(&1, "#    "))
    text = Enum.join([text | Enum.map(further, &String.trim_leading(&1, "#"))])
    readable = Regex.replace(~r/#(Port|PID|Reference|Function)<[^>]*>/, text, ":...")
    {value, _} = Code.eval_string(readable)
    {:is, value}
  end

  defp expected([_ | more]), do: expected(more)
  defp expected([]), do: :any

  def same?(:..., _), do: true
  def same?([a | as], [b | bs]), do: same?(a, b) and same?(as, bs)

  def same?(a, b) when is_tuple(a) and is_tuple(b),
    do: same?(Tuple.to_list(a), Tuple.to_list(b))

  def same?(a, b) when is_map(a) and is_map(b),
    do: Map.keys(a) == Map.keys(b) and same?(Map.values(a), Map.values(b))

  def same?(a, b), do: a === b
end

defmodule DocsTest do
  use ExUnit.Case
  alias DocsTest.Page

  for page <- Page.all(), Page.blocks(page) != [] do
    test "the examples of #{Path.basename(page)} give what they say" do
      Enum.reduce(Page.blocks(unquote(page)), [], fn block, bindings ->
        Enum.reduce(Page.examples(block), bindings, fn {line, expression, expected}, bindings ->
          {value, bindings} = Code.eval_quoted(expression, bindings)

          with {:is, wanted} <- expected do
            assert Page.same?(wanted, value),
                   "line #{line}: the page says #{inspect(wanted)}, it is #{inspect(value)}"
          end

          bindings
        end)
      end)
    end
  end

  test "an example can be wrong" do
    assert [{1, _, {:is, 3}}, {3, _, :any}] = Page.examples({1, "1 + 1\n# => 3\n2 + 2\n"})
    refute Page.same?(3, 2)
    assert Page.same?({:ok, :..., %{a: [1]}}, {:ok, self(), %{a: [1]}})
    refute Page.same?(%{a: 1}, %{a: 1, b: 2})
  end
end
