%% Random Ruby code that runs for a while or for ever. Its kind says what may become of it:
%%   polite    it ends, or ends soon after it is told to stop
%%   stubborn  it goes on all the same, and its interpreter has to be killed
-module(stress_scripts).

-export([any/0, polite/0, stubborn/0, prelude/0]).

%% Any script, now and then a stubborn one.
-spec any() -> {polite | stubborn, Code :: binary()}.
any() ->
    case rand:uniform(25) of
        1 -> {stubborn, stubborn()};
        _ -> {polite, polite()}
    end.

-spec polite() -> Code :: binary().
polite() ->
    stress_workers:one_of(polite_ones()).

-spec stubborn() -> Code :: binary().
stubborn() ->
    stress_workers:one_of(stubborn_ones()).

%% What the scripts call.
-spec prelude() -> binary().
prelude() ->
    <<"def fib(n)\n"
      "  n < 2 ? n : fib(n - 1) + fib(n - 2)\n"
      "end\n"
      "def down(n)\n"
      "  down(n + 1) + 1\n"
      "end\n">>.

polite_ones() ->
    [<<"1">>,
     <<"loop {}">>,
     <<"while true\nend">>,
     <<"sleep">>,
     <<"sleep 0.0007">>,
     <<"sleep 0.002; 7">>,
     <<"fib(", (integer_to_binary(10 + rand:uniform(15)))/binary, ")">>,
     <<"down(0)">>,
     <<"begin\n  loop {}\nensure\n  $ensured = true\nend">>,
     <<"begin\n  loop {}\nensure\n  sleep 0.001\nend">>,
     <<"begin\n  loop {}\nrescue\n  loop {}\nend">>,
     <<"begin\n  loop {}\nrescue Exception => e\n  e.message\nend">>,
     <<"Fiber.new { loop {} }.resume">>,
     <<"f = Fiber.new { loop { Fiber.yield 1 } }; loop { f.resume }">>,
     <<"catch(:x) { loop { [1].each { |y| y } } }">>,
     <<"a = (1..20_000).to_a; a.map { |x| -x }.sort.size">>,
     <<"s = ''; loop { s = 'x' * 10_000 }">>,
     <<"h = {}; 50_000.times { |i| h[i] = i.to_s }; h.size">>,
     <<"x = 3 ** 500; 200.times { x = x * 3 }; x.to_s.size">>,
     <<"20_000.times.map { |i| i.to_s }.join.size">>,
     <<"eval('1' + ' + 1' * 300)">>,
     <<"loop { eval('1 + 1') }">>,
     <<"loop { raise 'x' rescue 1 }">>,
     <<"puts 'x' * 100; loop {}">>,
     <<"loop { Object.new }">>,
     <<"GC.start; loop {}">>,
     <<"raise 'no'">>,
     <<"1 +">>,
     <<"undefined_method_of_mine">>].

stubborn_ones() ->
    [<<"loop do\n  begin\n    loop {}\n  rescue Exception\n  end\nend">>,
     <<"begin\n  loop {}\nensure\n  loop {}\nend">>,
     <<"begin\n  loop {}\nensure\n  sleep\nend">>,
     <<"def again\n  loop {}\nensure\n  again\nend\nagain">>].
