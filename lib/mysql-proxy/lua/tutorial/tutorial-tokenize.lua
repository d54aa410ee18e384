--[[
  tutorial-tokenize: prints the tokens of each statement, and its normal form.

  Start it with:
    mysql-proxy --proxy-lua-script=tutorial-tokenize

  Try: SELECT 1 /* a comment */ + 2 FROM DUAL
]]

local tokenizer = require("proxy.tokenizer")

function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  local tokens = tokenizer.tokenize(packet:sub(2))
  for i = 1, #tokens do
    local token = tokens[i]
    print(string.format("%d: %s, %q", i, token.token_name, token.text))
  end
  print("normalized query: " .. tokenizer.normalize(tokens))
end
