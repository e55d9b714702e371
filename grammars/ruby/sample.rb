# Each line with @scope begins a definition, each with @block opens a block that is filled.

module M # @scope @block
  class Stack # @scope @block
    def push(x) # @scope @block
      if x # @block
        @items.each do |y| # @block
          use("do")
        end
      else # @block
        raise x
      end
    end

    def self.make # @scope @block
      new
    end
  end
end
