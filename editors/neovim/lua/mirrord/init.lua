-- What users call from their configuration.

local M = {}

---Optional: chooses options. See |mirrord-options|.
---@param options? mirrord.Options
function M.setup(options)
  require('mirrord.options').choose(options)
  require('mirrord.server').configure()
  if package.loaded.dap then
    require('mirrord.dap').setup()
  end
end

---For 'statusline': empty where mirrord is not in use.
---@return string
function M.statusline()
  return require('mirrord.status').line()
end

return M
