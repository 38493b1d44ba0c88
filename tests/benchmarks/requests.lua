-- Sends the lines of FILE in turn: bodies by POST, or `path<TAB>etag` by GET (the etag may be empty).
-- Where a body says @KEY@, each request has a key of its own.
local requests, size, position, seed, sent = {}, 0, 0, os.time(), 0
local posted = { ["content-type"] = "application/json" }
function init(args)
  for line in io.lines(os.getenv("FILE")) do
    size = size + 1
    if os.getenv("METHOD") == "GET" then
      local path, etag = line:match("^([^\t]+)\t?(.*)$")
      local headers = { ["accept"] = "application/json" }
      if etag ~= "" then headers["if-none-match"] = etag end
      requests[size] = wrk.format("GET", path, headers)
    else
      requests[size] = line:find("@KEY@", 1, true) and line or wrk.format("POST", "/graphql", posted, line)
    end
  end
end
function request()
  position = position % size + 1
  local found = requests[position]
  if found:sub(1, 1) ~= "{" then return found end
  sent = sent + 1
  local key = string.format("%08x-0000-4000-8000-%012x", seed % 4294967296, sent)
  return wrk.format("POST", "/graphql", posted, (found:gsub("@KEY@", key)))
end
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format('JSON{"requests":%d,"micros":%d,"bytes":%d,"p50":%.1f,"p99":%.1f,"errors":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
