# Accounts and transfers: Struct, Comparable, own exceptions, ensure, retry.
class InsufficientFunds < StandardError
  attr_reader :missing

  def initialize(account, missing)
    @missing = missing
    super("#{account.owner} lacks #{account.money(missing)}")
  end
end

class AccountLocked < StandardError
  def initialize(msg = "account is locked") = super
end

Entry = Struct.new(:kind, :cents, :balance) do
  def to_s = format("%-10s %10.2f %12.2f", kind, cents / 100.0, balance / 100.0)
end

class Account
  include Comparable

  attr_reader :owner, :entries
  attr_accessor :locked
  protected attr_reader :cents

  @@count = 0
  INTEREST = 0.0125

  class << self
    attr_accessor :opened

    def count = @@count

    def open(owner, **options)
      (self.opened ||= []) << owner
      new(owner, **options)
    end
  end

  def initialize(owner, cents: 0, overdraft: 0)
    @owner = owner
    @cents = cents
    @overdraft = overdraft
    @entries = []
    @@count += 1
  end

  def balance = @cents / 100.0
  def <=>(other) = cents <=> other.cents
  def money(cents) = "$%.2f" % (cents / 100.0)
  def to_s = "#{owner}: #{money(@cents)}"

  def deposit(amount)
    raise ArgumentError, "amount must be positive, not #{amount.inspect}" unless amount.is_a?(Numeric) && amount.positive?

    book(:deposit, (amount * 100).round)
  end

  def withdraw(amount)
    wanted = (amount * 100).round
    raise AccountLocked if locked
    raise InsufficientFunds.new(self, wanted - @cents - @overdraft) if wanted > @cents + @overdraft

    book(:withdrawal, -wanted)
  end

  def transfer(amount, to:)
    attempts = 0
    begin
      attempts += 1
      withdraw(amount)
    rescue AccountLocked
      raise if attempts > 2

      puts "  unlocking #{owner}"
      self.locked = false
      retry
    else
      to.deposit(amount)
      :done
    ensure
      puts "  transfer of #{amount} to #{to.owner} after #{attempts} attempt#{'s' if attempts != 1}"
    end
  end

  def add_interest = book(:interest, (@cents * INTEREST).floor)

  private

  def book(kind, cents)
    @cents += cents
    @entries << Entry.new(kind, cents, @cents)
    self
  end
end

class Savings < Account
  INTEREST = 0.03
  def withdraw(amount)
    puts "  (savings)"
    super
  end
end

anna = Account.open("Anna", cents: 10_000)
bob = Account.open("Bob", overdraft: 5_000)
carol = Savings.open("Carol", cents: 123_456)
puts anna, bob, carol
anna.deposit(50.5).deposit(0.1 + 0.2).withdraw(20)
puts anna.entries, anna.balance
puts anna.transfer(100, to: bob)
carol.locked = true
puts carol.transfer(1000, to: anna)
[-> { bob.withdraw(500) }, -> { anna.deposit(-5) }, -> { anna.deposit("5") }, -> { Account.new }, -> { bob.transfer(1e6, to: anna) }].each do |action|
  action.call
rescue InsufficientFunds => e
  puts "#{e.class}: #{e.message} (#{e.missing})"
rescue ArgumentError => e
  puts "#{e.class}: #{e.message}"
end
accounts = [anna, bob, carol].each(&:add_interest)
puts accounts.sort.map(&:owner).inspect, accounts.max, accounts.minmax.map(&:to_s).inspect
puts anna > bob, bob.between?(bob, anna), carol.clamp(bob, anna).owner, anna == anna.dup
puts Account.count, Account.opened.inspect, Savings.opened.inspect, Savings.superclass, Savings.instance_method(:withdraw).owner
p Entry.members, anna.entries.first.to_a, anna.entries.last, anna.entries.map(&:kind).tally, Entry.new(:x)
total = accounts.sum(&:balance)
puts "%.2f" % total, total.round(1), accounts.to_h { |a| [a.owner.downcase.to_sym, a.balance] }
def risky = yield
puts(begin; risky { raise "boom" }; rescue => e; "#{e.class}/#{e.message}"; end)
x = Integer("42") rescue 0
y = Integer("4x2") rescue 0
p x, y
