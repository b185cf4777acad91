#=> ok | memory_limit | error
t = Time.utc(2000, 1, 1)
[->{ t.strftime('%' * 1000).size }, ->{ t.strftime('%-0^#_:' * 100) }, ->{ t.strftime("%\0%\xff%é") }, ->{ t.strftime('%100000000Y').size }, ->{ t.strftime(nil) }, ->{ t.strftime(5) }, ->{ Time.at(-10**15).utc.strftime('%c %G %V') }, ->{ t.round(10**9) }, ->{ t.strftime('%N' * 10000).size }].map { |f| begin; f.call; rescue StandardError => e; e.class.to_s; end }.size
