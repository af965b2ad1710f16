/* How the audit looks: the sample one image at a time, then what it proves, then what can be done. */

const AUDIT_STAGE = 288;
const ANSWERS = [
  ["p", "Poisoned", "Somebody put the pattern on this image"],
  ["n", "Not poisoned", "The pattern is not there, or belongs to the picture"],
  ["s", "Not sure", "It counts as not poisoned"],
];
const ACTION_DONE = { exclude: "excluded", relabel: "relabelled to their suggestions", needs_review: "marked for review", keep: "kept" };

class AuditView {
  constructor(root, act) {
    this.root = root;
    this.act = act;
    root.classList.add("audit");
    this.notice = el("div", { class: "notice", hidden: true, role: "status" });
    this.body = el("div", { class: "body" });
    this.dots = el("div", { class: "dots", role: "group", "aria-label": "The sample" });
    this.head = el("div", { class: "head" });
  }

  attach(savedNode) {
    this.root.append(this.notice, this.head, this.dots, this.body, el("div", { class: "foot" }, savedNode));
  }

  showStart(data, m, me) {
    const sizes = data.sizes.map(({ m: size }) => el("button", { text: size === data.rows.length ? `all ${size}` : String(size), "aria-pressed": String(size === m), onclick: () => this.act("size", size) }));
    this.head.replaceChildren();
    this.dots.replaceChildren();
    this.body.className = "body start";
    this.body.replaceChildren(
      el("p", { text: `Before ${plural(data.rows.length, "image")} can be decided with one click, look at a few of them. They are drawn at random, always the same ones, so nobody can draw again until the sample looks good.` }),
      el("div", { class: "line" }, el("span", { text: "Images to look at:" }), el("span", { class: "group", role: "group", "aria-label": "Images to look at" }, ...sizes)),
      el("div", { class: "line" }, el("button", { class: "lead", text: "Start the audit", disabled: !me, onclick: () => this.act("start") }), el("span", { class: "muted", text: me ? "" : "Enter your name in the sidebar first: decisions are signed." })),
    );
  }

  showProgress(sample, answers, at, m) {
    const done = sample.filter(({ row }) => answers[row]).length;
    this.head.replaceChildren(el("strong", { text: at === null ? `All ${m} answered` : `Image ${at + 1} of ${m}` }), el("span", { class: "muted", text: at === null ? "press one to change its answer" : `${done} answered` }));
    this.dots.replaceChildren(...sample.map(({ row }, i) => el("button", { class: `dot ${answers[row] || ""}`, "aria-current": i === at ? "true" : null, title: `Image ${i + 1}: ${(ANSWERS.find(([key]) => key === answers[row]) || [0, "not answered"])[1].toLowerCase()}`, "aria-label": `Image ${i + 1}`, text: { p: "✕", n: "✓", s: "?" }[answers[row]] || "", onclick: () => this.act("go", i) })));
  }

  /* One image of the sample; `ready` of what is returned resolves when it is there. */
  showImage(data, item, answer, toggle) {
    const shown = markedPicture(`/api/image/${data.key}/${item.row}.png`, AUDIT_STAGE, data.mark, item.shift);
    const looks = markedPicture(data.looks, 96, data.mark, [0, 0]);
    const buttons = ANSWERS.map(([key, text, title]) => el("button", { title: `${title} (${key.toUpperCase()})`, "aria-pressed": String(answer === key), onclick: () => this.act("answer", key) }, el("kbd", { text: key.toUpperCase() }), text));
    const given = ["labelled ", el("span", { class: "name", text: item.given ?? "nothing" })];
    const says = item.suggested === null ? " · its content suggests no label" : item.suggested === item.given ? " · its content agrees" : " · its content looks like ";
    if (item.suggested !== null && item.suggested !== item.given) given.push(says, el("span", { class: "name", text: item.suggested }));
    else given.push(says);
    this.body.className = "body ask";
    this.body.replaceChildren(
      el("div", {}, el("div", { class: "stage" }, shown.box), el("div", { class: "under" }, toggle)),
      el(
        "div", { class: "words" },
        el("h3", { text: "Is this image poisoned?" }),
        el("p", {}, ...given),
        el("div", { class: "acts" }, ...buttons),
        el("p", { class: "muted", text: "Poisoned: somebody put the pattern on it, whatever its label says. Not sure counts as not poisoned." }),
        el("div", { class: "line" }, looks.box, el("span", { class: "muted", text: "The pattern as it looks on grey." })),
        el("div", { class: "line" }, el("button", { class: "plain", title: "The image before (←)", onclick: () => this.act("step", -1) }, el("kbd", { text: "←" }), "Back"), el("span", { class: "muted bdi", title: item.id }, el("bdi", { text: item.id }))),
      ),
    );
    return shown.ready;
  }

  showOutcome(data, outcome, me, decidedBefore) {
    const { hits, unsure, m, low, high } = outcome, population = data.rows.length;
    const whole = m === population;
    const range = `${Math.floor(100 * low + 1e-9)}–${Math.ceil(100 * high - 1e-9)} %`;
    const said = whole
      ? `Every carrier was looked at, so this is no estimate: ${hits} of ${population} are poisoned.`
      : `So of all ${population.toLocaleString("en")} carriers, ${range} are poisoned, with 95 % confidence (exact interval after Clopper and Pearson, for a sample from ${population.toLocaleString("en")}).`;
    const bar = el("div", { class: "range", role: "img", "aria-label": `between ${range}` }, el("div", { class: "band" }), el("div", { class: "tick" }));
    bar.firstChild.style.left = `${100 * low}%`;
    bar.firstChild.style.width = `${Math.max(0.5, 100 * (high - low))}%`;
    bar.lastChild.style.left = `${(100 * hits) / m}%`;
    this.body.className = "body outcome";
    this.body.replaceChildren(
      el("h3", { text: `${hits} of ${m} are poisoned${unsure ? ` (${unsure} not sure, counted as not poisoned)` : ""}` }),
      el("p", { text: said }),
      bar,
      el("div", { class: "scale muted" }, el("span", { text: "0 %" }), el("span", { text: "share of carriers that are poisoned" }), el("span", { text: "100 %" })),
      ...data.actions.map((action, i) => this.actionLine(data, action, i, me, decidedBefore(action))),
      el("p", { class: "muted", text: me ? "Each is one decision: one Undo takes all of it back. The outcome of the audit is kept with it." : "Enter your name in the sidebar first: decisions are signed." }),
    );
  }

  actionLine(data, action, i, me, before) {
    const n = (action.rows || data.rows).length;
    const over = before ? ` ${before === n ? (n === 1 ? "It has" : "All of them have") : `${before.toLocaleString("en")} of them ${before === 1 ? "has" : "have"}`} a decision already, which this one replaces.` : "";
    return el(
      "div", { class: "choice" },
      el("button", { class: i === 0 ? "lead" : "", text: action.title, disabled: !n || !me, onclick: () => this.act("decide", action) }),
      el("span", { text: action.says + over }),
    );
  }

  showNotice(held, me) {
    this.notice.hidden = !held;
    if (!held) return;
    const when = held.at ? new Date(held.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
    const who = [held.reviewer && `by ${held.reviewer}`, when].filter(Boolean).join(", ");
    this.notice.replaceChildren(
      el("div", {}, el("strong", { text: `${plural(held.images, "image")} ${ACTION_DONE[held.action] || held.action}` }), ` as one decision${held.event ? "" : " – being saved…"}${who ? `, ${who}` : ""}.`, el("div", { class: "muted", text: held.note })),
      el("span", { class: "spacer" }),
      el("button", { text: "Undo", disabled: !held.event || !me, title: "Take the whole decision back", onclick: () => this.act("undo", held) }),
    );
  }
}
