// For tests only: lets them run a piece of code in the window's extension host, over loopback.
//
// It sets a scene (opens a file, puts the cursor, changes a setting) and looks at what cannot be
// seen on the screen (the whole text of a document). What a user does is done with keys and mouse.
const fs = require("node:fs");
const http = require("node:http");
const vscode = require("vscode");

const AsyncFunction = async function () {}.constructor;

function activate(context) {
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", async () => {
      const answer = {};
      try {
        const { code, args } = JSON.parse(body);
        answer.value = await new AsyncFunction("vscode", "args", code)(vscode, args);
      } catch (error) {
        answer.error = String(error?.stack ?? error);
      }
      response.end(JSON.stringify(answer));
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const file = process.env.SLMCODE_TEST_PROBE;
    fs.writeFileSync(`${file}.new`, String(server.address().port));
    fs.renameSync(`${file}.new`, file);
  });
  context.subscriptions.push({ dispose: () => server.close() });
}

module.exports = { activate };
