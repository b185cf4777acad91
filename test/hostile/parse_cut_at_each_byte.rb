#=> ok
# A text with most of the grammar, ended at every byte.
text = 'class A < B; def f(a, b = 1, *c, d:, e: 2, **f, &g) = super; end; x, (y, *z) = 1, [2]; ' \
       'case x when 1, *z then "#{x + "#{y}"}" else %w[a b] end; begin; raise A; rescue B, C => e; ' \
       'retry; else 1; ensure 2; end; ->(q) { q&.r ||= <<~E }; ' + "\n  text \#{1}\n" + 'E' + "\n" \
       ':"a#{1}b"; %i[a b]; ?a; 0x1f_f; 1.5e3r; 2i; /a/; a[1, *b] += 1; __FILE__; defined?(x); alias f g; undef h'
(0..text.size).each do |length|
  begin
    eval("def never_called\n#{text[0, length]}\nend")
  rescue Exception
  end
  begin
    eval("if false\n#{text[0, length]}")
  rescue Exception
  end
end
1
