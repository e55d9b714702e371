--- Inline completion as this plugin does it, on every version of Neovim: `native.lua` has the same
--- functions for Neovim's own.

local asking = require('slmcode.asking')
local display = require('slmcode.display')
local insert = require('slmcode.insert')
local offer = require('slmcode.offer')
local place = require('slmcode.place')
local report = require('slmcode.report')
local suggestion = require('slmcode.suggestion')

local api = vim.api

local M = {}

local tick = -1 -- of the text that was dealt with last

M.hide = offer.hide

--- Take back what is asked and what is shown.
local function stop()
  asking.cancel()
  offer.hide()
end

local function on_text_changed()
  local buf = api.nvim_get_current_buf()
  tick = vim.b[buf].changedtick
  report.typed_on()
  local pending = asking.pending()
  if pending and pending.buf == buf and pending.tick == tick then
    return -- a key asked by command before Neovim came to tell of the key before it
  end
  if not place.is_free(buf) then
    stop()
  elseif not offer.redraw() then
    asking.soon()
  elseif pending then
    asking.again()
  end
end

local function on_cursor_moved()
  if vim.b.changedtick ~= tick then
    return -- TextChangedI follows
  end
  if not offer.current() then
    offer.hide()
  end
  local pending = asking.pending()
  local row, column = place.cursor()
  if pending and (row ~= pending.row or column ~= pending.column) then
    asking.cancel()
  end
end

--- Insert mode was left: what was shown is dismissed.
local function on_insert_leave()
  asking.cancel()
  local shown = offer.held() -- the cursor stands one to the left already
  if shown and display.is_drawn() and api.nvim_get_mode().mode ~= 'niI' then
    report.dismissed(shown)
  end
  offer.hide()
end

--- A server serves a buffer from now on.
---@param client vim.lsp.Client
---@param buf integer
---@param on fun(events: string|string[], callback: fun()) what happens in the buffer
function M.attach(client, buf, on)
  if vim.lsp.inline_completion then -- the user may have enabled it for other servers
    vim.lsp.inline_completion.enable(false, { client_id = client.id })
  end
  on('InsertEnter', function()
    vim.schedule(function() -- the mode is not yet "i"
      if api.nvim_get_current_buf() == buf then
        tick = vim.b[buf].changedtick
        if not asking.pending() and not offer.held() then
          asking.soon()
        end
      end
    end)
  end)
  on('TextChangedI', on_text_changed)
  on('CursorMovedI', on_cursor_moved)
  on({ 'TextChangedP', 'CompleteChanged' }, stop)
  on('CompleteDone', vim.schedule_wrap(on_text_changed))
  on('InsertLeave', on_insert_leave)
  on({ 'BufLeave', 'WinLeave', 'RecordingEnter' }, stop)
  on('LspDetach', offer.hide)
  if api.nvim_get_current_buf() == buf and place.is_free(buf) then
    asking.soon() -- a server that was restarted while the user types
  end
end

---@return boolean
function M.is_visible()
  return offer.current() ~= nil and display.is_drawn()
end

---@param what 'all'|'word'|'line'
---@return boolean accepted
function M.accept(what)
  local shown, rest, typed = offer.current()
  if not shown then
    offer.hide()
    return false
  end
  local piece = suggestion.piece(rest, what)
  local is_last = piece == rest
  insert.insert(piece, is_last and shown.suggestion.replaces or 0)
  if is_last then
    offer.hide()
  else
    offer.redraw()
  end
  report.accepted(shown, typed + #piece)
  return true
end

---@return boolean dismissed
function M.dismiss()
  asking.cancel()
  local shown = offer.held()
  if shown then
    report.dismissed(shown)
  end
  offer.hide()
  return shown ~= nil
end

--- Show another suggestion for the same place; the first time others are asked for.
---@param by integer 1 or -1
---@return boolean
function M.step(by)
  local shown = offer.current()
  if not shown then
    return false
  end
  if #shown.items == 1 and not shown.invoked then
    asking.invoke({ index = 2, keeps = true })
  else
    offer.step(by)
  end
  return true
end

--- Ask by command.
---@param one_line boolean
function M.complete(one_line)
  asking.invoke({ one_line = one_line })
end

--- `slmcode/refresh` from the server.
M.refresh = asking.refresh

return M
