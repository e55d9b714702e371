-- Nothing is loaded here: the first command or `setup` does that.
if vim.g.loaded_slmcode then
  return
end
vim.g.loaded_slmcode = true

if vim.fn.has('nvim-0.10') == 0 then
  vim.notify('slmcode needs Neovim 0.10 or newer', vim.log.levels.ERROR)
  return
end

vim.api.nvim_create_user_command('Slmcode', function(arguments)
  require('slmcode.commands').run(arguments)
end, {
  nargs = '*',
  range = true,
  bang = true,
  desc = 'slmcode: completions, edits and more from a model on this machine',
  complete = function(...)
    return require('slmcode.commands').complete(...)
  end,
})

-- Every action has a command of its own as well, :SlmcodeWhy for :Slmcode why.
for _, name in ipairs({
  'Benchmark',
  'Cancel',
  'Complete',
  'Debug',
  'Disable',
  'Download',
  'Edit',
  'Enable',
  'Explain',
  'Fix',
  'Log',
  'Module',
  'Problem',
  'Prompt',
  'Refactor',
  'Restart',
  'Snooze',
  'Status',
  'Trace',
  'Traceback',
  'Translate',
  'Why',
}) do
  vim.api.nvim_create_user_command('Slmcode' .. name, function(arguments)
    require('slmcode.commands').run_one(name:lower(), arguments)
  end, {
    nargs = '*',
    range = true,
    desc = 'slmcode: ' .. name:lower(),
    complete = function(lead)
      return require('slmcode.commands').complete_one(name:lower(), lead)
    end,
  })
end

for _, action in ipairs({
  'accept',
  'accept-word',
  'accept-line',
  'dismiss',
  'next',
  'prev',
  'complete',
  'complete-line',
}) do
  vim.keymap.set('i', '<Plug>(slmcode-' .. action .. ')', function()
    require('slmcode.completion').act(action)
  end, { desc = 'slmcode: ' .. action })
end
