--- Scratch windows for text that is not a file.

local api = vim.api

local M = {}

M.NAMESPACE = api.nvim_create_namespace('slmcode.view')

---@class slmcode.View
---@field buf integer
---@field win integer

---@class slmcode.ViewOptions
---@field filetype? string
---@field split? 'below'|'right'
---@field height? integer rows, for a split below
---@field title? string

--- A new scratch buffer in a split; `q` closes it. The cursor moves there.
---@param name string "explanation": the buffer is called slmcode://explanation
---@param how slmcode.ViewOptions
---@return slmcode.View
function M.open(name, how)
  local full = 'slmcode://' .. name
  local old = vim.fn.bufnr('^' .. vim.fn.escape(full, '[]*?') .. '$')
  if old ~= -1 then
    api.nvim_buf_delete(old, { force = true })
  end
  local buf = api.nvim_create_buf(false, true)
  api.nvim_buf_set_name(buf, full)
  vim.bo[buf].bufhidden = 'wipe'
  vim.bo[buf].modifiable = false
  local win = api.nvim_open_win(buf, true, {
    split = how.split or 'below',
    height = how.split ~= 'right' and how.height or nil,
  })
  vim.wo[win].wrap = true
  vim.wo[win].number = false
  vim.wo[win].relativenumber = false
  if how.title then
    vim.wo[win].winbar = how.title:gsub('%%', '%%%%')
  end
  if how.filetype then
    vim.bo[buf].filetype = how.filetype
  end
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buf, nowait = true, desc = 'close' })
  return { buf = buf, win = win }
end

--- A read-only text in a floating window in the middle of the screen. The cursor moves there.
---@param lines string[]
---@param how {title: string, footer?: string, filetype?: string}
---@return slmcode.View
function M.float(lines, how)
  local buf = api.nvim_create_buf(false, true)
  M.set_lines(buf, lines)
  vim.bo[buf].bufhidden = 'wipe'
  local width = vim.fn.strdisplaywidth(how.title) + 4
  width = math.max(width, vim.fn.strdisplaywidth(how.footer or '') + 4)
  for _, line in ipairs(lines) do
    width = math.max(width, vim.fn.strdisplaywidth(line) + 1)
  end
  width = math.min(width, vim.o.columns - 6)
  local height = math.max(1, math.min(#lines, vim.o.lines - 6))
  local win = api.nvim_open_win(buf, true, {
    relative = 'editor',
    row = math.floor((vim.o.lines - height) / 2) - 1,
    col = math.floor((vim.o.columns - width) / 2),
    width = width,
    height = height,
    border = 'rounded',
    title = ' ' .. how.title .. ' ',
    footer = how.footer and (' ' .. how.footer .. ' ') or nil,
    style = 'minimal',
  })
  vim.wo[win].wrap = false
  if how.filetype then
    vim.bo[buf].filetype = how.filetype
  end
  return { buf = buf, win = win }
end

---@param view slmcode.View
---@return boolean
function M.is_open(view)
  return api.nvim_buf_is_valid(view.buf) and api.nvim_win_is_valid(view.win)
end

---@param buf integer
---@param lines string[]
function M.set_lines(buf, lines)
  if api.nvim_buf_is_valid(buf) then
    vim.bo[buf].modifiable = true
    api.nvim_buf_set_lines(buf, 0, -1, false, lines)
    vim.bo[buf].modifiable = false
    vim.bo[buf].modified = false
  end
end

---@param view slmcode.View
---@param title string
---@param more? string cut where the window is too narrow
function M.set_title(view, title, more)
  if M.is_open(view) then
    local bar = title:gsub('%%', '%%%%')
    if more and more ~= '' then
      bar = bar .. ' · %<' .. more:gsub('%%', '%%%%')
    end
    vim.wo[view.win].winbar = bar
  end
end

---@param view slmcode.View
function M.close(view)
  if api.nvim_win_is_valid(view.win) then
    api.nvim_win_close(view.win, true)
  end
end

return M
