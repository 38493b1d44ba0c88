-- Sends the lines of FILE in turn: bodies by POST, or `path<TAB>etag` by GET (the etag may be empty).
local requests, size, position = {}, 0, 0
function init(args)
  for line in io.lines(os.getenv("FILE")) do
    size = size + 1
    if os.getenv("METHOD") == "GET" then
      local path, etag = line:match("^([^\t]+)\t?(.*)$")
      local headers = { ["accept"] = "application/json" }
      if etag ~= "" then headers["if-none-match"] = etag end
      requests[size] = wrk.format("GET", path, headers)
    else
      requests[size] = wrk.format("POST", "/graphql", { ["content-type"] = "application/json" }, line)
    end
  end
end
function request() position = position % size + 1; return requests[position] end
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format('JSON{"requests":%d,"micros":%d,"bytes":%d,"p50":%.1f,"p99":%.1f,"errors":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
