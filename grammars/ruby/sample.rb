# Each line with @scope begins a definition, each with @block opens a block that is filled.

require "json" # @import json
require_relative "../lib/x" # @import ../lib/x
autoload :Late, "a/late" # @import a/late Late

$shared = 1 # @variable $shared

module M # @scope @block @module M
  LIMIT = 3 # @constant M.LIMIT

  class Stack # @scope @block @class M.Stack
    attr_reader :size, :top # @field M.Stack.size @field M.Stack.top

    def initialize # @scope @method M.Stack.initialize
      @items = [] # @field M.Stack.@items
      @items = local = 1
    end

    def push(x) # @scope @block @method M.Stack.push
      if x # @block
        @items.each do |y| # @block
          use("do")
        end
      else # @block
        raise x
      end
    end

    def full?; end # @scope @method M.Stack.full?

    def self.make # @scope @block @method M.Stack.make
      new
    end
  end
end

Point = Struct.new(:x, :y) do # @class Point
  def sum = x + y # @scope @method Point.sum
end

def top # @scope @function top
  1
end
