# What came of a test file, as text: a line for each assert (its result as `assert` of mruby's
# test/assert.rb says it: . passed, F failed, X raised, ? skipped, W asserted nothing; and its name),
# after an empty line the counts, and then what is to be said of those that did not pass.
counts = [$ok_test, $ko_test, $kill_test, $warning_test, $skip_test]
[*$mrbtest_results, "", counts.join(" "), *$asserts].join("\n") + "\n"
