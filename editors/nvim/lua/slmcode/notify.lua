--- What the user is told. The same sentence is never said twice for the same reason.

local M = {}

local waiting ---@type fun()? what is said when insert mode is left
local said = {} ---@type table<string, boolean>

--- Whether "-- INSERT --" would be drawn over a message at once.
---@return boolean
local function is_hidden()
  local is_neovims = debug.getinfo(vim.notify, 'S').source:find('vim/_', 1, true) ~= nil
  return is_neovims and vim.o.showmode and vim.api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

--- Show it when insert mode is left; only the newest of several.
---@param show fun()
local function when_visible(show)
  if not waiting then
    vim.api.nvim_create_autocmd('InsertLeave', {
      once = true,
      callback = vim.schedule_wrap(function()
        local last = waiting
        waiting = nil
        if last then
          last()
        end
      end),
    })
  end
  waiting = show
end

--- Later, in the main loop: an error that is shown inside of an autocommand would break it off.
---@param message string
---@param level? integer of vim.log.levels; INFO
function M.say(message, level)
  vim.schedule(function()
    local function show()
      vim.notify('slmcode: ' .. message, level or vim.log.levels.INFO, { title = 'slmcode' })
    end
    if is_hidden() then
      when_visible(show)
    else
      show()
    end
  end)
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
