--- The version of this plugin. A server whose major and minor number differ is warned about.

local M = { VERSION = '0.1.0' }

--- "0.1" of "0.1.0".
---@param version string
---@return string?
function M.series(version)
  return version:match('^%D*(%d+%.%d+)')
end

--- Whether a server of this version speaks what this plugin does.
---@param version string
---@return boolean
function M.fits(version)
  return M.series(version) == M.series(M.VERSION)
end

return M
