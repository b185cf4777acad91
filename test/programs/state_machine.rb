# A DSL for state machines: class macros, instance_exec, define_method, guards and callbacks.
module StateMachine
  class InvalidTransition < StandardError; end

  Transition = Struct.new(:event, :from, :to, :guard)

  class Builder
    def initialize(machine) = @machine = machine

    def state(*names) = @machine[:states].concat(names)

    def event(name, &block)
      @event = name
      instance_eval(&block)
    ensure
      @event = nil
    end

    def from(*states, to:, if: nil)
      guard = binding.local_variable_get(:if)
      states.each { |state| @machine[:transitions] << Transition.new(@event, state, to, guard) }
    end

    def on_enter(state, &action) = @machine[:enter][state] << action
  end

  def self.included(base)
    base.extend(ClassMethods)
    super
  end

  module ClassMethods
    def machine(initial:, &block)
      @machine = { initial: initial, states: [initial], transitions: [], enter: Hash.new { |h, k| h[k] = [] } }
      Builder.new(@machine).instance_eval(&block)
      @machine[:states].uniq.each { |state| define_method(:"#{state}?") { self.state == state } }
      @machine[:transitions].map(&:event).uniq.each do |event|
        define_method(:"#{event}!") { |*args| fire(event, *args) }
        define_method(:"can_#{event}?") { !transition_for(event).nil? }
      end
    end

    def definition = @machine || superclass.definition

    def to_dot
      edges = definition[:transitions].map { |t| "  #{t.from} -> #{t.to} [label=#{t.event}#{' guarded' if t.guard}]" }
      ["digraph {", *edges, "}"].join("\n")
    end
  end

  def state = @state ||= self.class.definition[:initial]
  def history = @history ||= [state]

  private

  def transition_for(event)
    self.class.definition[:transitions].find do |t|
      t.event == event && t.from == state && (t.guard.nil? || instance_exec(&t.guard))
    end
  end

  def fire(event, *args)
    transition = transition_for(event) or raise InvalidTransition, "cannot #{event} when #{state}"
    history
    @state = transition.to
    @history << @state
    self.class.definition[:enter][@state].each { |action| instance_exec(*args, &action) }
    self
  end
end

class Order
  include StateMachine

  attr_accessor :paid, :log

  def initialize
    @paid = 0
    @log = []
  end

  machine initial: :cart do
    state :placed, :shipped, :done, :cancelled

    event :place do
      from :cart, to: :placed
    end

    event :pay do
      from :placed, to: :paid_for, if: -> { paid >= 100 }
      from :placed, to: :placed
    end

    event :ship do
      from :paid_for, to: :shipped
    end

    event :cancel do
      from :cart, :placed, :paid_for, to: :cancelled
    end

    on_enter(:placed) { |*args| log << "placed #{args.inspect}" }
    on_enter(:cancelled) { |why = "no reason"| log << "cancelled: #{why}" }
  end
end

class GiftOrder < Order
  def initialize
    super
    self.paid = 500
  end
end

order = Order.new
p order.state, order.cart?, order.can_place?, order.can_ship?
order.place!(1, two: 3)
p order.state, order.history, order.log
order.pay!
p order.state
order.paid = 150
p order.pay!.state, order.ship!.state, order.history
begin
  order.cancel!
rescue StateMachine::InvalidTransition => e
  puts "#{e.class}: #{e.message}"
end

gift = GiftOrder.new
gift.place!.pay!.cancel!("changed my mind")
p gift.history, gift.log, gift.cancelled?, gift.respond_to?(:ship!), gift.respond_to?(:fly!)
p Order.new.place!.cancel!.log.last
puts Order.to_dot
p Order.definition[:states], GiftOrder.definition.equal?(Order.definition), GiftOrder.ancestors.take(3)

light = Class.new do
  include StateMachine
  machine(initial: :red) do
    event(:next) do
      from :red, to: :green
      from :green, to: :yellow
      from :yellow, to: :red
    end
  end
end.new
p Array.new(5) { light.next!.state }, light.history.each_cons(2).map { |a, b| "#{a}>#{b}" }.uniq
