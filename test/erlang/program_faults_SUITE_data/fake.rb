# A program that greets as priv/rubeam.rb does, and does what its first argument says when it is asked for something.
# What it answers is in the file that the second one names.
kind, file = ARGV
IN = IO.new(3, "rb")
OUT = IO.new(4, "wb")
OUT.sync = true

def frame
  head = IN.read(4) or exit! 0
  IN.read(head.unpack1("N"))
end

def say(bytes) = OUT.write([bytes.bytesize].pack("N") + bytes)

REPLY = "\x83h\x03w\x05reply".b

# The id of {Kind, Id, …}, encoded.
def id(frame)
  # Atoms are encoded one way or the other, as the release of OTP has it.
  rest = frame.getbyte(3) == 100 ? frame.byteslice(6 + frame.byteslice(4, 2).unpack1("n")..) : frame.byteslice(5 + frame.getbyte(4)..)
  case rest.getbyte(0)
  when 97 then rest.byteslice(0, 2)
  when 98 then rest.byteslice(0, 5)
  when 110 then rest.byteslice(0, 3 + rest.getbyte(1))
  end
end

3.times { frame } # accept, read, sent
say(REPLY + "\x61\x00\x77\x02ok".b)

trap("TERM", "IGNORE")
asked = nil
loop do
  asked = frame
  break if kind == "is_silent" || asked.include?("eval")
  say(REPLY + id(asked) + "h\x02w\x02okw\x02ok".b) if asked.include?("owner")
end
case kind
when "exits" then exit! 5
when "is_killed" then Process.kill(9, $$)
when "half_and_exits" then OUT.write("\0\0\0\x64".b + REPLY); exit! 5
when "half_and_hangs" then OUT.write("\0\0\0\x64".b + REPLY)
when "garbage" then OUT.write("This is no frame. " * 10)
when "two_gigabytes" then OUT.write("\x7f\xff\xff\xff".b)
when "no_term" then say("no term".b)
when "no_frame_of_ours" then say("\x83w\x02ok".b)
when "empty_frame" then say("".b)
when "no_result" then say(REPLY + id(asked) + "w\x03yes".b)
when "another_id" then say(REPLY + "\x62\x00\x01\x00\x00\x77\x02ok".b)
when "closes_its_output" then OUT.close
when "closes_its_input" then IN.close
when "tells_its_exit_and_lives" then say("\x83h\x02w\x04exita\x03".b)
when "stops_itself" then Process.kill("STOP", $$)
when "has_a_child" then fork { sleep 1000 }; exit! 5
when "says_nothing_more", "is_silent" then nil
when "answers"
  # One answer of the file for each request; {ok, Term} each.
  File.open(file, "rb") do |answers|
    loop do
      answer = answers.read(answers.read(4)&.unpack1("N") || 0) or break
      break if answer.empty?
      say(REPLY + id(asked) + answer)
      asked = frame
    end
  end
end
loop { frame } if kind == "garbage" # without a leash it has to see the end of its input itself
sleep
