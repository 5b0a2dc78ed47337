-- Loaded at every start: defines what costs nothing until it is used.

if vim.g.loaded_mirrord then
  return
end
vim.g.loaded_mirrord = true

if vim.fn.has('nvim-0.10') == 0 then
  vim.notify('mirrord: this plugin needs Neovim 0.10 or newer', vim.log.levels.ERROR)
  return
end

vim.api.nvim_create_user_command('Mirrord', function(call)
  require('mirrord.command').execute(call)
end, {
  nargs = '+',
  desc = 'Run programs as if they ran in a pod of the cluster',
  complete = function(...)
    return require('mirrord.command').complete(...)
  end,
})

require('mirrord.server').enable()
