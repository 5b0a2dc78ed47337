-- What `vim.lsp.enable('mirrord')` means, from Neovim 0.11 on.

return require('mirrord.server').config()
