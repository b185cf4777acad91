#=> ok <<"[1,\"a\",2.5,{\"b\":null}]">>
class Integer; def to_s(*) = raise('no'); end
class Float; def to_s = raise('no'); end
class String; def to_s = raise('no'); end
class Array; def each = raise('no'); end
class Hash; def each = raise('no'); def keys = raise('no'); end
JSON.generate([1, 'a', 2.5, { b: nil }])
