-- Each line with @scope begins a definition, each with @block opens a block that is filled.

local json = require("lib.json") -- @import lib.json =json
require "side" -- @import side

local M = { -- @constant M
  size = 3, -- @field M.size
  run = function(x) return x end, -- @scope @method M.run
}
M.limit = 3 -- @field M.limit
M.call = function(x) return x end -- @scope @function M.call
local count = 0 -- @variable count
local apply = function(f) return f() end -- @scope @function apply

local function push(x) -- @scope @block @function push
  local inner = 1
  if x then -- @block
    use("then")
  else -- @block
    for i = 1, 2 do -- @block
      use(i)
    end
  end
end

function M.pop() -- @scope @block @function M.pop
  return 1
end

function M:top(x) -- @scope @method M.top
  return x
end

function M.a.deep() end -- @scope @function M.a.deep
