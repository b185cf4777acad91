#=> ok 5
begin
  exit 1
rescue SystemExit
  5
end
