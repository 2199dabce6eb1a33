/** Codes: line i of the file is ticket i's. Sent in chunks, each all or nothing; repeated, nothing changes. */
import { useShared } from "../shared.js";
import { told } from "../dialog.js";
import { html, useRef, useState } from "../html.js";
import { number } from "./parts.js";

export const CHUNK = 1_000; // codes of one request: the event is locked for as long as one takes
const CODE = /^[\x20-\x7e]{1,64}$/;

export function Codes({ event, codes, look }) {
  const { api, say, gone } = useShared();
  const [file, setFile] = useState(null);
  const [first, setFirst] = useState(1);
  const [sent, setSent] = useState(null);
  const [trouble, setTrouble] = useState("");
  const stopped = useRef(false);
  const busy = sent !== null && !sent.over;
  const upload = async (submitted) => {
    submitted.preventDefault();
    if (!file || busy) return;
    const progress = { bytes: 0, codes: 0, fresh: 0, over: false };
    const show = (more) => setSent({ ...Object.assign(progress, more) });
    stopped.current = false;
    setTrouble("");
    show({});
    try {
      for await (const { codes: chunk, bytes } of chunks(file)) {
        if (stopped.current) break;
        const answer = await api.act("upload_codes", event.event_id, { codes: chunk, first_ticket: Number(first) + progress.codes });
        show({ bytes, codes: progress.codes + chunk.length, fresh: progress.fresh + answer.new });
      }
      say(`${number(progress.codes)} codes sent, ${number(progress.fresh)} of them new.`);
    } catch (problem) {
      gone(problem);
      const where = `After ${number(progress.codes)} codes: `;
      setTrouble(where + (problem.kind ? told(problem) : problem.message) + " Send the same file again: nothing is done twice.");
    }
    show({ over: true });
    look();
  };
  return html`
    <section aria-labelledby="codes-title">
      <h2 id="codes-title">Codes</h2>
      <p class="under">
        ${codes ? `${number(codes.uploaded)} of ${number(codes.of)} tickets have a code.` : "No ticket has a code."}
        ${" "}<span class="quiet">One code a line: the first line is the code of the first ticket. A winner sees it once the coupon is issued.</span>
      </p>
      <form class="sheet narrow" onSubmit=${upload}>
        <label class="field"><span>File <span class="quiet">text, 1 to 64 printable ASCII characters a line</span></span>
          <input name="codes" type="file" accept=".txt,.csv,text/plain" required onChange=${(chosen) => setFile(chosen.target.files[0] ?? null)} /></label>
        <label class="field"><span>First ticket</span>
          <input name="first_ticket" type="number" min="1" max=${event.capacity} required value=${first} onInput=${(typed) => setFirst(typed.target.value)} /></label>
        <div class="progress whole">
          <progress aria-label="Sent" max="1" value=${sent && file ? (file.size ? sent.bytes / file.size : 1) : 0}></progress>
          <span role="status">${sent ? `${number(sent.codes)} codes sent, ${number(sent.fresh)} new${sent.over ? "." : " …"}` : ""}</span>
        </div>
        <p class="trouble whole" role="alert">${trouble}</p>
        <div class="answers whole">
          <button type="button" class=${busy ? "" : "place-kept"} disabled=${!busy} onClick=${() => { stopped.current = true; }}>Stop</button>
          <button type="submit" class="primary" disabled=${!file || busy}>Upload</button>
        </div>
      </form>
    </section>
  `;
}

/** Yield the file's codes in chunks, with how many bytes are read; throw at the first line that is no code. */
async function* chunks(file) {
  let codes = [];
  let line = 0;
  let blank = 0;
  for await (const { text, bytes } of lines(file)) {
    line += 1;
    if (text === "") {
      blank ||= line; // only at the end
      continue;
    }
    if (blank || !CODE.test(text)) throw new Error(`Line ${blank || line} is ${blank ? "empty" : "no code"}.`);
    codes.push(text);
    if (codes.length === CHUNK) {
      yield { codes, bytes };
      codes = [];
    }
  }
  if (codes.length) yield { codes, bytes: file.size };
}

async function* lines(file) {
  const reader = file.stream().getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.length;
    const texts = (rest + decoder.decode(part.value, { stream: true })).split("\n");
    rest = texts.pop();
    for (const text of texts) yield { text: text.replace(/\r$/, ""), bytes };
  }
  if (rest) yield { text: rest.replace(/\r$/, ""), bytes };
}
