-- Each line with @scope begins a definition, each with @block opens a block that is filled.

local function push(x) -- @scope @block
  if x then -- @block
    use("then")
  else -- @block
    for i = 1, 2 do -- @block
      use(i)
    end
  end
end

function M.pop() -- @scope @block
  return 1
end
