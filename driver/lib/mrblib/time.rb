class Time
  def nsec = usec * 1000
  def subsec = Rational(usec, 1_000_000)
  def to_r = Rational(to_i, 1) + subsec
  alias tv_sec to_i
  alias tv_usec usec
  alias tv_nsec nsec
  alias isdst dst?

  def utc_offset
    return 0 if utc?
    Time.utc(year, month, day, hour, min, sec).to_i - to_i
  end
  alias gmt_offset utc_offset
  alias gmtoff utc_offset

  def round(digits = 0) = __at(to_r.round(digits))
  def floor(digits = 0) = __at(to_r.floor(digits))
  def ceil(digits = 0) = __at(to_r.ceil(digits))

  def __at(seconds)
    whole = seconds.floor
    time = Time.at(whole, ((seconds - whole) * 1_000_000).to_i)
    utc? ? time.utc : time
  end

  DAYS__ = %w[Sunday Monday Tuesday Wednesday Thursday Friday Saturday].freeze
  MONTHS__ = %w[January February March April May June July August September October November December].freeze

  def strftime(format)
    text = ""
    at = 0
    while (percent = format.index("%", at))
      text << format[at...percent]
      at = percent + 1
      flags = ""
      while (char = format[at]) && "-0^#_:".include?(char)
        flags << char
        at += 1
      end
      width = ""
      while (char = format[at]) && char >= "0" && char <= "9"
        width << char
        at += 1
      end
      at += 1
      part = __strftime_part(char, flags, width == "" ? nil : width.to_i)
      text << (part || format[percent...at])
    end
    text << format[at..]
  end

  def __strftime_part(char, flags, width)
    case char
    when "Y" then __pad(year, flags, width || (year < 0 ? 5 : 4), "0")
    when "C" then __pad(year / 100, flags, width || 2, "0")
    when "y" then __pad(year % 100, flags, width || 2, "0")
    when "m" then __pad(month, flags, width || 2, "0")
    when "B" then __word(MONTHS__[month - 1], flags, width)
    when "b", "h" then __word(MONTHS__[month - 1][0, 3], flags, width)
    when "d" then __pad(day, flags, width || 2, "0")
    when "e" then __pad(day, flags, width || 2, " ")
    when "j" then __pad(yday, flags, width || 3, "0")
    when "H" then __pad(hour, flags, width || 2, "0")
    when "k" then __pad(hour, flags, width || 2, " ")
    when "I" then __pad((hour + 11) % 12 + 1, flags, width || 2, "0")
    when "l" then __pad((hour + 11) % 12 + 1, flags, width || 2, " ")
    when "M" then __pad(min, flags, width || 2, "0")
    when "S" then __pad(sec, flags, width || 2, "0")
    when "L" then __fraction(width || 3)
    when "N" then __fraction(width || 9)
    when "s" then __pad(to_i, flags, width || 1, "0")
    when "p" then __word(flags.include?("#") ? (hour < 12 ? "am" : "pm") : (hour < 12 ? "AM" : "PM"), flags.delete("#"), width)
    when "P" then __word(hour < 12 ? "am" : "pm", flags, width)
    when "A" then __word(DAYS__[wday], flags, width)
    when "a" then __word(DAYS__[wday][0, 3], flags, width)
    when "u" then __pad((wday + 6) % 7 + 1, flags, width || 1, "0")
    when "w" then __pad(wday, flags, width || 1, "0")
    when "U" then __pad((yday - 1 + 7 - wday) / 7, flags, width || 2, "0")
    when "W" then __pad((yday - 1 + 7 - (wday + 6) % 7) / 7, flags, width || 2, "0")
    when "V" then __pad(__iso_week[1], flags, width || 2, "0")
    when "G" then __pad(__iso_week[0], flags, width || 4, "0")
    when "g" then __pad(__iso_week[0] % 100, flags, width || 2, "0")
    when "Z" then __word(utc? ? "UTC" : zone, flags, width)
    when "z" then __zone(flags)
    when "F" then __word(strftime("%Y-%m-%d"), flags, width)
    when "T", "X" then __word(strftime("%H:%M:%S"), flags, width)
    when "R" then __word(strftime("%H:%M"), flags, width)
    when "r" then __word(strftime("%I:%M:%S %p"), flags, width)
    when "D", "x" then __word(strftime("%m/%d/%y"), flags, width)
    when "c" then __word(strftime("%a %b %e %H:%M:%S %Y"), flags, width)
    when "v" then __word(strftime("%e-%^b-%Y"), flags, width)
    when "n" then "\n"
    when "t" then "\t"
    when "%" then "%"
    end
  end

  def __pad(number, flags, width, pad)
    return number.to_s if flags.include?("-")
    pad = " " if flags.include?("_")
    pad = "0" if flags.include?("0")
    return number.to_s.rjust(width, pad) if number >= 0 || pad == " "
    "-" + (-number).to_s.rjust(width - 1, pad)
  end

  def __word(text, flags, width)
    text = text.upcase if flags.include?("^") || flags.include?("#")
    width ? text.rjust(width, flags.include?("0") ? "0" : " ") : text
  end

  def __fraction(width) = nsec.to_s.rjust(9, "0").ljust(width, "0")[0, width]

  def __zone(flags)
    offset = utc_offset
    minutes = offset.abs / 60
    format("%s%02d%s%02d", offset < 0 ? "-" : "+", minutes / 60, flags.include?(":") ? ":" : "", minutes % 60)
  end

  # The week belongs to the year that its Thursday lies in.
  def __iso_week
    thursday = Time.utc(year, month, day) + (3 - (wday + 6) % 7) * 86_400
    [thursday.year, (thursday.yday - 1) / 7 + 1]
  end
end
