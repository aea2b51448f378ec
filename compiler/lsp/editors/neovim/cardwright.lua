-- Cardwright in Neovim 0.11 or later. Copy to ~/.config/nvim/plugin/cardwright.lua.
vim.filetype.add({ extension = { perso = "perso" } })

vim.lsp.config("cardwright", {
  cmd = { "cardwright", "lsp" },
  filetypes = { "perso" },
  root_markers = { "cardwright.toml" },
})
vim.lsp.enable("cardwright")

vim.api.nvim_create_autocmd("FileType", {
  pattern = "perso",
  callback = function(event)
    vim.bo[event.buf].commentstring = "// %s"
    vim.bo[event.buf].shiftwidth = 2
    vim.bo[event.buf].expandtab = true
    vim.lsp.inlay_hint.enable(true, { bufnr = event.buf })
  end,
})

-- Sources of the standard packages and pages of the codes are carried by the server.
vim.api.nvim_create_autocmd("BufReadCmd", {
  pattern = "cardwright:/*",
  callback = function(event)
    local client = vim.lsp.get_clients({ name = "cardwright" })[1]
    if not client then
      return
    end
    local answer = client:request_sync("cardwright/text", { uri = event.match }, 2000)
    local text = answer and answer.result or ""
    vim.api.nvim_buf_set_lines(event.buf, 0, -1, false, vim.split(text, "\n"))
    vim.bo[event.buf].modifiable = false
    vim.bo[event.buf].buftype = "nofile"
  end,
})
