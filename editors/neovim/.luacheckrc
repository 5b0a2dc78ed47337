std = 'luajit'
read_globals = { 'vim' }
globals = { 'vim.bo', 'vim.g', 'vim.o', 'vim.opt', 'vim.ui', 'vim.notify' }
max_line_length = 125
