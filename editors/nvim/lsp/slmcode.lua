-- What Neovim 0.11 and newer start the server with; vim.lsp.config() of the user goes over it.
local slmcode = require('slmcode')
if not slmcode.is_set_up then
  slmcode.setup() -- somebody called vim.lsp.enable('slmcode') and no more
end
return require('slmcode.client').config()
