# Graph search: Dijkstra, breadth first, topological order, components, minimum spanning tree.
class Graph
  Edge = Struct.new(:from, :to, :weight) do
    def to_s = "#{from}-#{to}(#{weight})"
    def reverse = Edge.new(to, from, weight)
  end

  def self.parse(text, directed: false)
    new(directed: directed).tap do |graph|
      text.each_line(chomp: true) do |line|
        from, to, weight = line.split
        graph.connect(from, to, (weight || 1).to_i)
      end
    end
  end

  attr_reader :edges

  def initialize(directed: false)
    @directed = directed
    @edges = []
    @out = Hash.new { |hash, node| hash[node] = [] }
  end

  def connect(from, to, weight = 1)
    edge = Edge.new(from, to, weight)
    @edges << edge
    @out[from] << edge
    @directed ? @out[to] : @out[to] << edge.reverse
    self
  end

  def nodes = @out.keys

  def distances(start)
    distance = Hash.new(Float::INFINITY).merge(start => 0)
    before = {}
    open = nodes.dup
    until open.empty?
      node = open.min_by { |n| distance[n] }
      open.delete(node)
      break if distance[node] == Float::INFINITY

      @out[node].each do |edge|
        length = distance[node] + edge.weight
        distance[edge.to], before[edge.to] = length, node if length < distance[edge.to]
      end
    end
    [distance, before]
  end

  def path(from, to)
    distance, before = distances(from)
    return unless distance.key?(to)

    route = [to]
    route.unshift(before[route.first]) until route.first == from
    [route, distance[to]]
  end

  def each_breadth_first(start)
    return enum_for(__method__, start) unless block_given?

    seen = [start]
    queue = [[start, 0]]
    while (node, depth = queue.shift)
      yield node, depth
      @out[node].map(&:to).each do |other|
        next if seen.include?(other)

        seen << other
        queue.push([other, depth + 1])
      end
    end
  end

  def topological
    state = {}
    order = []
    visit = lambda do |node|
      case state[node]
      when :done then next
      when :open then throw :cycle, node
      end
      state[node] = :open
      @out[node].each { |edge| visit.(edge.to) }
      state[node] = :done
      order.unshift(node)
    end
    cycle = catch(:cycle) do
      nodes.each { |node| visit[node] }
      nil
    end
    cycle ? [:cycle, cycle] : [:order, order]
  end

  def components
    left = nodes
    found = []
    until left.empty?
      part = each_breadth_first(left.first).map { |node, _| node }
      found << part.sort
      left -= part
    end
    found
  end

  def spanning_tree
    parent = nodes.to_h { |node| [node, node] }
    root = ->(node) { parent[node] == node ? node : root[parent[node]] }
    @edges.sort_by { |edge| [edge.weight, edge.from, edge.to] }.select do |edge|
      a = root[edge.from]
      b = root[edge.to]
      parent[a] = b unless a == b
      a != b
    end
  end
end

roads = Graph.parse(<<~ROADS)
  A B 7
  A C 9
  A F 14
  B C 10
  B D 15
  C D 11
  C F 2
  D E 6
  E F 9
  X Y 3
ROADS
p roads.nodes, roads.path("A", "E"), roads.path("A", "D"), roads.path("A", "X")
puts roads.each_breadth_first("A").map { |node, depth| "#{'  ' * depth}#{node}" }
p roads.components, roads.each_breadth_first("X").to_a
puts roads.spanning_tree.join(" "), roads.spanning_tree.sum(&:weight)
p roads.edges.group_by(&:from).transform_values { |edges| edges.sum(&:weight) }

tasks = Graph.parse("shirt tie\ntie jacket\ntrousers shoes\ntrousers belt\nbelt jacket\nsocks shoes", directed: true)
p tasks.topological, tasks.connect("jacket", "shirt").topological
kind, = tasks.topological
puts kind

MAZE = <<~MAZE.lines.map(&:chomp)
  #########
  #S..#...#
  #.#.#.#.#
  #.#...#E#
  #########
MAZE
start = MAZE.each_with_index.flat_map { |row, y| (x = row.index("S")) ? [[x, y]] : [] }.first
maze = Graph.new
MAZE.each_with_index do |row, y|
  row.each_char.with_index do |char, x|
    next if char == "#"

    [[1, 0], [0, 1]].each { |dx, dy| maze.connect([x, y], [x + dx, y + dy]) unless MAZE[y + dy][x + dx] == "#" }
  end
end
goal = maze.nodes.find { |x, y| MAZE[y][x] == "E" }
route, length = maze.path(start, goal)
puts "#{length} steps: #{route.map { |x, y| "#{x},#{y}" }.join(' ')}"
drawn = MAZE.map(&:dup)
route[1..-2].each { |x, y| drawn[y][x] = "*" }
puts drawn
