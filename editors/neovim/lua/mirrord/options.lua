-- What the user has chosen.

local M = {}

---@class mirrord.Options
---@field server? string[] command line of the language server
---@field kubeconfig? string kubeconfig files of documents and launches that name none
---@field env? table<string, string> variables of launches beside Neovim's own
---@field lsp? boolean whether documents of mirrord are attached to the language server
---@field env_shapes? table<string, mirrord.EnvShape> how adapters of nvim-dap take variables, by type

---The same, complete.
---@class mirrord.Chosen
---@field server string[]
---@field kubeconfig? string
---@field env table<string, string>
---@field lsp boolean
---@field env_shapes table<string, mirrord.EnvShape>

---@type mirrord.Chosen
local defaults = {
  server = { 'mirrord-ide-server' },
  kubeconfig = nil,
  env = {},
  lsp = true,
  env_shapes = {},
}

local types = { server = 'table', kubeconfig = 'string', env = 'table', lsp = 'boolean', env_shapes = 'table' }

---@type mirrord.Chosen
local chosen = vim.deepcopy(defaults)

---Takes the place of what was chosen before. Fails where an option is unknown or of another type.
---@param options? mirrord.Options
function M.choose(options)
  for name, value in pairs(options or {}) do
    if not types[name] then
      local known = vim.tbl_keys(types)
      table.sort(known)
      error(("mirrord has no option `%s` (it has: %s)"):format(name, table.concat(known, ', ')), 0)
    end
    if type(value) ~= types[name] then
      error(("mirrord: the option `%s` is a %s, not a %s"):format(name, types[name], type(value)), 0)
    end
  end
  chosen = vim.tbl_extend('force', vim.deepcopy(defaults), options or {})
end

---@return mirrord.Chosen
function M.get()
  return chosen
end

---The section `mirrord` of the settings, as the server takes it.
---@return table
function M.settings()
  local env = next(chosen.env) and chosen.env or vim.empty_dict()
  return { kubeconfig = chosen.kubeconfig, env = env }
end

---Neovim's own environment with what launches have beside it.
---@return table<string, string>
function M.environment()
  local environment = vim.tbl_extend('force', vim.fn.environ(), chosen.env)
  environment.KUBECONFIG = chosen.env.KUBECONFIG or chosen.kubeconfig or environment.KUBECONFIG
  return environment
end

return M
