--- Highlight groups. All are defaults: a colour scheme or the user wins.

local M = {}

M.GROUPS = {
  SlmcodeSuggestion = 'Comment', -- the ghost text
  SlmcodeHint = 'NonText', -- "(1/3)", "+2 lines"
  SlmcodeTitle = 'Title',
  SlmcodeProved = 'DiagnosticOk',
  SlmcodeDiffers = 'DiagnosticError',
  SlmcodeNotProved = 'DiagnosticWarn',
  SlmcodeRefused = 'DiagnosticHint',
}

function M.define()
  for group, link in pairs(M.GROUPS) do
    vim.api.nvim_set_hl(0, group, { link = link, default = true })
  end
end

return M
