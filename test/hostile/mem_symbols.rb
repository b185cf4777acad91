#=> memory_limit | timeout
#! timeout=500 next=any
n = 0
loop { "a_symbol_with_a_long_name_#{n += 1}_#{'x' * 10_000}".to_sym }
