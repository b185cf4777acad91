# The article's session, as an Elixir developer would type it: through Port and receive, then
# through :rubeam. Run by `make elixir`.
ExUnit.start()
{:ok, _} = Application.ensure_all_started(:rubeam)

defmodule SessionTest do
  use ExUnit.Case

  defp open(command \\ ~c"rubeam_drv"), do: Port.open({:spawn_driver, command}, [:binary])

  defp next(port) do
    receive do
      {^port, {:data, data}} -> data
    after
      5000 -> flunk("no message from the port")
    end
  end

  defp send_eval(port, code), do: Port.command(port, :erlang.term_to_binary({:eval, code}))

  test "lines of Ruby, and what they print" do
    port = open(~c"rubeam_drv packet=line")
    Port.command(port, "a = 1\n")
    Port.command(port, "a += 2\n")
    Port.command(port, "puts a\n")
    assert next(port) == "3\n"
    assert Port.close(port)
  end

  test "a multi-line statement, and two responses, two messages" do
    port = open()
    send_eval(port, "a = 1")

    send_eval(port, ~S"""
      while a < 10 do
        a *= 3
      end
    """)

    send_eval(port, ~S"""
      send_response("response")
      send_response(a)
    """)

    assert :erlang.binary_to_term(next(port)) == {:response, "response"}
    assert :erlang.binary_to_term(next(port)) == {:response, 27}
    Port.close(port)
  end

  test "frames with a length before them, as with {:packet, 4}" do
    port = open(~c"rubeam_drv packet=4")
    frame = :erlang.term_to_binary({:eval, 1, "6 * 7"})
    <<first::binary-size(3), rest::binary>> = <<byte_size(frame)::32, frame::binary>>
    Port.command(port, first)
    Port.command(port, rest)
    <<length::32, reply::binary>> = next(port)
    assert length == byte_size(reply)
    assert :erlang.binary_to_term(reply) == {:reply, 1, {:ok, 42}}
    Port.close(port)
  end

  test "interpreters do not see each other" do
    {one, other} = {open(), open()}
    send_eval(one, "a = 27")
    send_eval(other, "a = 42")
    send_eval(one, "send_response(a)")
    send_eval(other, "send_response(a)")
    assert :erlang.binary_to_term(next(one)) == {:response, 27}
    assert :erlang.binary_to_term(next(other)) == {:response, 42}
  end

  test "an uncaught exception ends the interpreter and closes the port" do
    Process.flag(:trap_exit, true)
    port = open()
    send_eval(port, "1/0")
    assert {:exit, {:error, error}} = :erlang.binary_to_term(next(port))
    assert error[:class] == "ZeroDivisionError"
    assert_receive {:EXIT, ^port, :normal}, 5000
    assert Port.info(port) == nil
  end

  test "the owner dies, its port goes" do
    test = self()

    {owner, monitor} =
      spawn_monitor(fn ->
        send(test, {:port, open()})
        Process.sleep(:infinity)
      end)

    port = receive(do: ({:port, port} -> port))
    down = Port.monitor(port)
    Process.exit(owner, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^owner, :killed}, 5000
    assert_receive {:DOWN, ^down, :port, _, _}, 5000
  end

  test "the same through :rubeam, with values" do
    {:ok, ruby} = :rubeam.open(%{})
    assert :rubeam.eval(ruby, "a = 1") == {:ok, 1}
    assert {:ok, nil} = :rubeam.eval(ruby, "while a < 10 do\n  a *= 3\nend")
    assert :rubeam.eval(ruby, "Erlang::Tuple[:response, a]") == {:ok, {:response, 27}}

    assert :rubeam.eval(ruby, ~S({text: "né", list: [1, 2.5, nil, true]})) ==
             {:ok, %{text: "né", list: [1, 2.5, nil, true]}}

    {:ok, :add} = :rubeam.eval(ruby, "def add(a, b) = a + b")
    assert :rubeam.call(ruby, :add, [1000, 2000]) == {:ok, 3000}
    assert {:error, %{class: "ZeroDivisionError"}} = :rubeam.eval(ruby, "1/0")
    assert :rubeam.eval(ruby, "loop {}", %{timeout: 50}) == {:error, :timeout}
    assert :rubeam.eval(ruby, "a") == {:ok, 27}
    assert :rubeam.close(ruby) == :ok
    assert :rubeam.eval(ruby, "a") == {:error, :closed}
  end

  test "the article's RubyServer: two of them, and a crash that its supervisor mends" do
    {:ok, server} = :rubeam_server.start_link(%{})
    {:ok, another} = :rubeam_server.start_link(%{})
    assert :rubeam.cast(server, "a = 27") == :ok
    assert :rubeam.cast(another, "a = 42") == :ok
    assert :rubeam.eval(server, "Erlang::Tuple[:response, a]") == {:ok, {:response, 27}}
    assert :rubeam.eval(another, "Erlang::Tuple[:response, a]") == {:ok, {:response, 42}}

    Process.flag(:trap_exit, true)
    :rubeam.cast(server, "1/0")
    assert_receive {:EXIT, ^server, {:ruby_exit, {:error, %{class: "ZeroDivisionError"}}}}, 5000
    assert :rubeam.eval(another, "a") == {:ok, 42}
  end
end
