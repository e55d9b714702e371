--- Timers that are started anew or stopped, of which there is one for each purpose.

local M = {}

---@class slmcode.Timer
---@field start fun(ms: integer, callback: fun()) what waited before is dropped
---@field stop fun()

---@return slmcode.Timer
function M.new()
  local timer ---@type uv.uv_timer_t?
  local T = {}

  function T.stop()
    if timer and not timer:is_closing() then
      timer:stop()
      timer:close()
    end
    timer = nil
  end

  function T.start(ms, callback)
    T.stop()
    timer = vim.defer_fn(callback, ms)
  end

  return T
end

return M
