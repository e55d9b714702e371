--- What the user is told. The same sentence is never said twice for the same reason.

local M = {}

local said = {} ---@type table<string, boolean>

---@param message string
---@param level? integer of vim.log.levels; INFO
function M.say(message, level)
  local function show()
    vim.notify('slmcode: ' .. message, level or vim.log.levels.INFO, { title = 'slmcode' })
  end
  if vim.in_fast_event() then
    vim.schedule(show)
  else
    show()
  end
end

---@param message string
function M.warn(message)
  M.say(message, vim.log.levels.WARN)
end

--- Say it once for this reason, until `forget`.
---@param reason string
---@param message string
---@param level? integer
function M.once(reason, message, level)
  if not said[reason] then
    said[reason] = true
    M.say(message, level or vim.log.levels.WARN)
  end
end

--- The reason has gone: if it comes back it is said again.
---@param reason string
function M.forget(reason)
  said[reason] = nil
end

return M
