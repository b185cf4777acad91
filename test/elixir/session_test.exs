# The article's session in the article's words: through Port, and through :rubeam.
#
# Run by `make elixir`: plain Elixir, no mix.
{:ok, _} = Application.ensure_all_started(:rubeam)
ExUnit.start()

defmodule SessionTest do
  use ExUnit.Case, async: true

  defp receive_data(port) do
    receive do
      {^port, {:data, data}} -> data
    after
      10_000 -> flunk("nothing came from the port")
    end
  end

  describe "Port" do
    test "the first take: lines of Ruby" do
      port = Port.open({:spawn_driver, ~c"rubeam_drv packet=line"}, [:binary])
      Port.command(port, "a = 1\n")
      Port.command(port, "a += 2\n")
      Port.command(port, "puts a\n")
      assert receive_data(port) == "3\n"
    end

    test "terms: state, several lines, two responses" do
      port = Port.open({:spawn_driver, ~c"rubeam_drv"}, [:binary])
      send_eval = fn code -> Port.command(port, :erlang.term_to_binary({:eval, code})) end

      send_eval.("a = 1")

      send_eval.(~S"""
        while a < 10 do
          a *= 3
        end
      """)

      send_eval.(~S"""
        send_response("response")
        send_response(a)
      """)

      assert :erlang.binary_to_term(receive_data(port)) == {:response, "response"}
      assert :erlang.binary_to_term(receive_data(port)) == {:response, 27}
    end

    test "frames with a length before them, as with {:packet, 4}" do
      port = Port.open({:spawn_driver, ~c"rubeam_drv packet=4"}, [:binary])
      frame = :erlang.term_to_binary({:eval, 1, "6 * 7"})
      <<first::binary-size(3), rest::binary>> = <<byte_size(frame)::32, frame::binary>>
      Port.command(port, first)
      Port.command(port, rest)
      <<length::32, reply::binary>> = receive_data(port)
      assert length == byte_size(reply)
      assert :erlang.binary_to_term(reply) == {:reply, 1, {:ok, 42}}
    end

    test "a second interpreter beside the first" do
      [one, two] = for _ <- 1..2, do: Port.open({:spawn_driver, ~c"rubeam_drv"}, [:binary])

      eval = fn port, id, code ->
        Port.command(port, :erlang.term_to_binary({:eval, id, code}))
      end

      eval.(one, 1, "a = 27")
      eval.(two, 2, "a = 42")
      eval.(one, 3, "a")
      assert :erlang.binary_to_term(receive_data(one)) == {:reply, 1, {:ok, 27}}
      assert :erlang.binary_to_term(receive_data(two)) == {:reply, 2, {:ok, 42}}
      assert :erlang.binary_to_term(receive_data(one)) == {:reply, 3, {:ok, 27}}
    end

    test "an uncaught exception ends the port" do
      Process.flag(:trap_exit, true)
      port = Port.open({:spawn_driver, ~c"rubeam_drv"}, [:binary])
      Port.command(port, :erlang.term_to_binary({:eval, "1/0"}))

      assert {:exit, {:error, %{class: "ZeroDivisionError", message: "divided by 0"}}} =
               :erlang.binary_to_term(receive_data(port))

      assert_receive {:EXIT, ^port, :normal}, 10_000
      assert Port.info(port) == nil
    end

    test "the port goes with its owner, busy or not" do
      for code <- ["1", "loop {}", "sleep"] do
        test = self()

        owner =
          spawn(fn ->
            port = Port.open({:spawn_driver, ~c"rubeam_drv"}, [:binary])
            Port.command(port, :erlang.term_to_binary({:eval, "send_response(:begun); " <> code}))
            assert :erlang.binary_to_term(receive_data(port)) == {:response, :begun}
            send(test, {:port, port, Port.monitor(port)})
            Process.sleep(:infinity)
          end)

        assert_receive {:port, port, _}, 10_000
        ref = Port.monitor(port)
        Process.exit(owner, :kill)
        assert_receive {:DOWN, ^ref, :port, ^port, _}, 10_000
      end
    end
  end

  describe ":rubeam" do
    setup do
      {:ok, ruby} = :rubeam.open()
      %{ruby: ruby}
    end

    test "state lives from one eval to the next", %{ruby: ruby} do
      assert :rubeam.eval(ruby, "a = 1") == {:ok, 1}
      assert :rubeam.eval(ruby, "a += 2") == {:ok, 3}
      assert :rubeam.eval(ruby, "puts a") == {:ok, nil}
      assert :rubeam.decode(receive_data(ruby)) == {:output, :stdout, "3\n"}

      code = ~S"""
        while a < 10 do
          a *= 3
        end
        a
      """

      assert :rubeam.eval(ruby, code) == {:ok, 27}
      assert :rubeam.cast(ruby, "send_response(a)") == :ok
      assert :rubeam.decode(receive_data(ruby)) == {:response, 27}
    end

    test "values have their Elixir forms", %{ruby: ruby} do
      assert :rubeam.eval(ruby, "nil") == {:ok, nil}

      assert :rubeam.eval(ruby, "[true, :ok, 1.5, 'Grüße', 1 << 70]") ==
               {:ok, [true, :ok, 1.5, "Grüße", 2 ** 70]}

      assert :rubeam.eval(ruby, "{a: 1, 'b' => [2]}") == {:ok, %{:a => 1, "b" => [2]}}
      assert :rubeam.eval(ruby, "Erlang::Tuple[:ok, 1]") == {:ok, {:ok, 1}}
      {:ok, _} = :rubeam.eval(ruby, "def same(x) = x")
      assert :rubeam.call(ruby, :same, [%{pid: self()}]) == {:ok, %{pid: self()}}
      assert :rubeam.call(ruby, {"Math", :sqrt}, [16]) == {:ok, 4.0}
    end

    test "errors are values, and have a text", %{ruby: ruby} do
      {:error, error} = :rubeam.eval(ruby, "1/0")
      assert %{class: "ZeroDivisionError", message: "divided by 0", backtrace: [_ | _]} = error

      assert "ZeroDivisionError: divided by 0" <> _ = :rubeam.format_error(error)
      assert :rubeam.eval(ruby, "loop {}", %{timeout: 50}) == {:error, :timeout}
      assert :rubeam.eval(ruby, "6 * 7") == {:ok, 42}
      assert_raise ArgumentError, fn -> :rubeam.eval(ruby, :code) end
    end

    test "requests that nobody waits for", %{ruby: ruby} do
      ids = for n <- 1..3, do: {n, :rubeam.send_request(ruby, {:eval, "sleep 0.001; #{n}"})}
      for {n, id} <- ids, do: assert(:rubeam.receive_response(id, 10_000) == {:reply, {:ok, n}})
    end
  end

  describe ":rubeam_server" do
    test "the article's RubyServer, two of them" do
      {:ok, server} = :rubeam_server.start_link(%{output: :discard})
      :rubeam.cast(server, "a = 1")

      :rubeam.cast(server, ~S"""
        while a < 10 do
          a *= 3
        end
      """)

      assert :rubeam.eval(server, "Erlang::Tuple[:response, a]") == {:ok, {:response, 27}}

      {:ok, another} = :rubeam_server.start_link(%{output: {:send, self()}})
      :rubeam.cast(another, "a = 42")
      assert :rubeam.eval(another, "Erlang::Tuple[:response, a]") == {:ok, {:response, 42}}
      assert :rubeam.eval(server, "Erlang::Tuple[:response, a]") == {:ok, {:response, 27}}

      :rubeam.cast(another, "puts a")
      assert_receive {:rubeam, ^another, {:stdout, "42\n"}}, 10_000

      Process.flag(:trap_exit, true)
      :rubeam.cast(server, "1/0")

      assert_receive {:EXIT, ^server, {:ruby_exit, {:error, %{class: "ZeroDivisionError"}}}},
                     10_000

      assert :rubeam.eval(another, "a") == {:ok, 42}
    end

    test "under Elixir's supervisor, by name" do
      specs = [:rubeam_server.child_spec(%{name: :calculator})]
      {:ok, supervisor} = Supervisor.start_link(specs, strategy: :one_for_one)
      assert :rubeam.call(:calculator, {"Math", :sqrt}, [9]) == {:ok, 3.0}
      Supervisor.stop(supervisor)
      assert :rubeam.eval(:calculator, "1") == {:error, :closed}
    end
  end

  describe ":rubeam_pool" do
    test "in the list of a supervisor's children" do
      children = [
        {:rubeam_pool, %{name: :pool, size: 2, prelude: "def one = 1", output: :discard}},
        :rubeam_pool.child_spec(%{name: :another, size: 1})
      ]

      {:ok, supervisor} = Supervisor.start_link(children, strategy: :one_for_one)
      assert :rubeam_pool.call(:pool, :one, []) == {:ok, 1}
      assert :rubeam_pool.eval(:another, "1 + 1") == {:ok, 2}
      assert :rubeam_pool.with(:pool, fn ruby -> :rubeam.call(ruby, :one, []) end) == {:ok, {:ok, 1}}
      assert_raise ArgumentError, fn -> :rubeam_pool.eval(:pool, :code) end

      pool = Process.whereis(:pool)
      monitor = Process.monitor(pool)
      :rubeam_pool.stop(:pool)
      assert_receive {:DOWN, ^monitor, :process, ^pool, :normal}, 10_000
      assert started_again(:pool, pool)
      Supervisor.stop(supervisor)
      assert :rubeam_pool.eval(:pool, "1") == {:error, :closed}
    end
  end

  defp started_again(name, before) do
    case Process.whereis(name) do
      pid when pid in [nil, before] -> Process.sleep(2) && started_again(name, before)
      _ -> :rubeam_pool.eval(name, "1") == {:ok, 1}
    end
  end
end
