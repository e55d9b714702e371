--- :checkhealth slmcode

local client_of = require('slmcode.client')
local keymaps = require('slmcode.keymaps')
local lsp = require('slmcode.lsp')
local options = require('slmcode.options')
local status = require('slmcode.status')
local version = require('slmcode.version')

local M = {}

local health = vim.health

local function check_neovim()
  health.start('Neovim')
  local found = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 1 then
    health.ok(found)
  elseif vim.fn.has('nvim-0.10') == 1 then
    health.ok(found .. ': works; from 0.11 on vim.lsp.config is used')
  else
    health.error(found .. ' is too old: 0.10 is needed')
  end
  health.info('display: ' .. options.current.display)
end

local function check_setup()
  health.start('Set-up')
  if not require('slmcode').is_set_up then
    health.error('not set up', "put require('slmcode').setup() into your init.lua")
    return
  end
  health.ok('setup() was called')
  for action, key in vim.spairs(keymaps.taken) do
    health.warn(
      ('%s for %s is mapped already, so it was left alone'):format(key, action),
      ("map another key to <Plug>(slmcode-%s), or set keymaps = { %s = '…' }"):format(
        action:gsub('_', '-'),
        action
      )
    )
  end
  if vim.tbl_isempty(keymaps.taken) then
    health.ok('no key of ours is taken')
  end
end

---@param rows {name: string, mark: string, says: string, advice: string}[]
local function report_doctor(rows)
  for _, row in ipairs(rows) do
    local line = ('%s: %s'):format(row.name, row.says)
    local advice = row.advice ~= '' and row.advice or nil
    if row.mark == 'ok' then
      health.ok(line)
    elseif row.mark == 'warn' then
      health.warn(line, advice)
    else
      health.error(line, advice)
    end
  end
end

local function check_server()
  health.start('Server')
  local problem = client_of.problem()
  if problem then
    health.error(problem)
    return
  end
  local tool = client_of.tool()
  if not tool then
    health.info('cmd is a function; its program is not known')
    return
  end
  health.ok(('%s (%s)'):format(vim.fn.exepath(tool[1]), table.concat(options.current.cmd, ' ')))

  local done = vim.system(client_of.tool('--version'), { text = true, timeout = 20000 }):wait()
  local found = (done.stdout or ''):match('%d+%.%d+%.?%d*')
  if done.code ~= 0 or not found then
    local said = vim.trim(done.stderr or ''):match('[^\n]*$')
    health.error(('it does not say its version (code %d): %s'):format(done.code, said))
    return
  elseif not version.fits(found) then
    health.warn(
      ('it is version %s, this plugin is %s'):format(found, version.VERSION),
      'update the older of them'
    )
  else
    health.ok('version ' .. found)
  end

  done = vim.system(client_of.tool('doctor', '--json'), { text = true, timeout = 120000 }):wait()
  local ok, answer = pcall(vim.json.decode, done.stdout or '')
  if not ok or type(answer) ~= 'table' then
    local said = vim.trim(done.stderr or ''):match('[^\n]*$')
    health.warn('slmcode doctor --json gave no answer: ' .. said)
    return
  end
  report_doctor(answer.checks or {})
end

local function check_client()
  health.start('Client')
  local clients = vim.lsp.get_clients({ name = lsp.NAME })
  if #clients == 0 then
    health.info('no server is running: it starts with the first file')
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers or {})
    health.ok(
      ('client %d: %s, %d file%s'):format(
        client.id,
        client.offset_encoding,
        buffers,
        buffers == 1 and '' or 's'
      )
    )
  end
  local now = status.get()
  local line = 'state: ' .. now.state .. (now.message ~= '' and ' (' .. now.message .. ')' or '')
  if now.state == 'degraded' or now.state == 'missing' then
    health.error(line)
  elseif now.state == 'downloadNeeded' then
    health.error(line, ':SlmcodeDownload')
  else
    health.info(line)
  end
  health.info('log: ' .. lsp.log_path())
end

function M.check()
  check_neovim()
  check_setup()
  check_server()
  check_client()
end

return M
