// Sends an edition to many readers by nodemailer, over a pool of connections.
// node nodemailer.mjs FOLDER PORT MESSAGES CONNECTIONS: FOLDER has node_modules, and mail.json with the
// edition's subject, and its text and html as templates of nunjucks with the posts they show: compiled once,
// rendered for each reader. Where there are no posts, only the reader's links are put into them.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, port, messages, connections] = process.argv.slice(2);
const require = createRequire(join(folder, "index.js"));
const nodemailer = require("nodemailer");
const mail = JSON.parse(readFileSync(join(folder, "mail.json"), "utf8"));

function filled(text) {
  const pieces = text.split(/\{\{ ?(\w+) ?\}\}/);
  return (values) => pieces.map((piece, index) => (index % 2 ? values[piece] : piece)).join("");
}

function rendered(text, autoescape) {
  const nunjucks = require("nunjucks");
  const template = nunjucks.compile(text, new nunjucks.Environment(null, { autoescape }));
  return (values) => template.render({ ...values, ...mail.shared });
}

const fill = mail.shared
  ? { text: rendered(mail.text, false), html: rendered(mail.html, true) }
  : { text: filled(mail.text), html: filled(mail.html) };
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(port),
  pool: true,
  maxConnections: Number(connections),
  maxMessages: Infinity,
  ignoreTLS: true,
});

function send(number) {
  const token = `${number}.x7Jk2mQ9-aTbWq3n_FzR5uYc`;
  const values = {
    unsubscribe: `https://bench.example/unsubscribe/${token}`,
    preferences: `https://bench.example/preferences/${token}`,
    stop: `https://bench.example/stop/${token}`,
  };
  return transport.sendMail({
    from: mail.from,
    to: `reader${number}@example.net`,
    subject: mail.subject,
    text: fill.text(values),
    html: fill.html(values),
    textEncoding: "quoted-printable",
    messageId: `<${number}.1@bench.example>`,
    headers: {
      "List-Id": "News <news.bench.example>",
      "List-Unsubscribe": `<${values.unsubscribe}>`,
      "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
      "List-Post": "NO",
      "Auto-Submitted": "auto-generated",
      Precedence: "bulk",
      "Feedback-ID": "1:news:bench",
    },
    ...(mail.dkim ? { dkim: mail.dkim } : {}),
  });
}

// A few more than there are connections are in hand, so that none of them waits.
const most = Number(connections) * 4;
const began = process.hrtime.bigint();
let next = 0;
async function lane() {
  while (next < Number(messages)) {
    const number = next++;
    await send(number);
  }
}
await Promise.all(Array.from({ length: most }, lane));
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
transport.close();
console.log(JSON.stringify({ seconds, rate: Number(messages) / seconds }));
