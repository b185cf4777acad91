#=> exit killed
#! timeout=30 grace=10
begin
  begin
    loop {}
  ensure
    begin
      loop {}
    ensure
      loop {}
    end
  end
ensure
  loop {}
end
