/** Every sentence of the page, in each language. `f` has what the state knows, written out. */
const en = {
  name: "English",
  loading: { sentence: () => "One moment." },
  missing: { sentence: () => "There is no such event.", detail: () => "Look at the link that you were given once more." },
  before: {
    sentence: (f) => (f.joined ? "You are taking part." : "It opens soon."),
    detail: (f) =>
      f.joined
        ? "Keep this page open: it asks for you when it is time. Reloading it costs you nothing."
        : "Take part now, and this page asks for you when it is time.",
    step: (f) => (f.joined ? "" : "Take part"),
  },
  turn: {
    sentence: (f) => `Your turn is at ${f.turn}.`,
    detail: (f) => `Keep this page open: it asks for you then.${f.isDrawn ? " Turns were drawn; being faster changes nothing." : ""}`,
  },
  open: { sentence: () => "It is open.", detail: () => "Each person gets one coupon at most.", step: () => "Ask for a coupon" },
  asking: { sentence: () => "Asking for your coupon …", detail: () => "Asking twice changes nothing: your place is kept." },
  accepted: {
    sentence: (f) => `You have ticket ${f.ticket}.`,
    detail: (f) => (f.done ? "Your coupon is being made. The ticket stays yours: come back whenever you like." : "It is yours, whatever happens now. Your coupon is being made."),
    step: (f) => (f.done ? "Look again" : ""),
  },
  making: {
    sentence: (f) => `The coupon of ticket ${f.ticket} is being made.`,
    detail: (f) => (f.done ? "It takes longer than usual. The ticket stays yours: come back whenever you like." : "This takes a few seconds. The ticket is yours, whatever happens now."),
    step: (f) => (f.done ? "Look again" : ""),
  },
  issued: {
    sentence: () => "Your coupon is ready.",
    detail: (f) => (f.code ? "Show this code, or type it in where you redeem it." : "It is entered under your name: there is nothing left to do."),
    step: (f) => (f.code ? "Copy the code" : ""),
    done: "Copied",
  },
  soldout: {
    sentence: () => "All coupons are given away.",
    detail: (f) =>
      f.asked ? "You got none. One that comes free goes to whoever asks then."
      : `If you have applied before, ${f.signedOut ? "sign in" : "ask"}: a ticket of yours is found.`,
    step: (f) => (f.signedOut ? "Sign in" : f.asked ? "Ask again" : "Ask"),
  },
  paused: { sentence: () => "The event is paused.", detail: () => "Keep this page open: it goes on by itself. Nobody gets a coupon meanwhile." },
  closed: {
    sentence: () => "The event is over.",
    detail: () => "If you have applied before, look: a ticket of yours is found.",
    step: () => "Look for my ticket",
  },
  refused: { sentence: () => "You get no coupon of this event.", detail: () => "The organiser has decided so. If you think it wrong, tell them the reference." },
  tryagain: {
    sentence: () => "There was no answer.",
    detail: (f) => `${f.again ? `Trying again in ${f.again}.` : "Try again in a while."} If you have a ticket already, it stays yours.`,
    step: (f) => (f.again ? "" : "Try again"),
  },
  signedout: {
    sentence: (f) => (f.expired ? "Please sign in again." : "Sign in to take part."),
    detail: (f) => (f.expired ? "You were signed out. Your place is kept: it hangs on your name, not on this page." : "Coupons go to people, one each: so we need to know who you are."),
    step: () => "Sign in",
  },
  offline: { sentence: () => "You are offline.", detail: () => "The page goes on by itself once you are connected. A ticket that you have stays yours." },
  until: { before: "Opens in", turn: "Your turn in", signedout: "Opens in" },
  facts: {
    opens: "Opens", yours: "In your time", turn: "Your turn", capacity: "Coupons", ticket: "Ticket", applied: "Applied", issued: "Made",
    soldOut: "Last one given", asked: "You asked", reference: "Reference", askedAgain: "Asked again", referenceAgain: "Its reference",
  },
  said: { 600: "Ten minutes left.", 60: "One minute left.", 10: "Ten seconds left." },
  opened: "It is open.",
  signOut: (name) => `Sign out ${name}`,
  coupon: "Coupon",
  seconds: (n) => `${n} s`,
  days: (n) => (n === 1 ? "1 day" : `${n} days`),
};

const ko = {
  name: "한국어",
  loading: { sentence: () => "잠시만 기다려 주세요." },
  missing: { sentence: () => "이벤트를 찾을 수 없습니다.", detail: () => "받으신 링크를 다시 확인해 주세요." },
  before: {
    sentence: (f) => (f.joined ? "참여 신청이 되었습니다." : "곧 시작합니다."),
    detail: (f) =>
      f.joined
        ? "이 페이지를 열어 두세요. 시간이 되면 자동으로 신청합니다. 새로고침해도 불이익이 없습니다."
        : "지금 참여하시면 시간이 되었을 때 이 페이지가 대신 신청합니다.",
    step: (f) => (f.joined ? "" : "참여하기"),
  },
  turn: {
    sentence: (f) => `회원님의 차례는 ${f.turn}입니다.`,
    detail: (f) => `이 페이지를 열어 두세요. 그때 자동으로 신청합니다.${f.isDrawn ? " 차례는 추첨으로 정해져서 서두르실 필요가 없습니다." : ""}`,
  },
  open: { sentence: () => "지금 신청할 수 있습니다.", detail: () => "쿠폰은 한 사람에 한 장입니다.", step: () => "쿠폰 신청하기" },
  asking: { sentence: () => "쿠폰을 신청하고 있습니다…", detail: () => "여러 번 신청해도 결과는 같습니다." },
  accepted: {
    sentence: (f) => `${f.ticket}번 티켓을 받으셨습니다.`,
    detail: (f) => (f.done ? "쿠폰을 만들고 있습니다. 티켓은 그대로 유지되니 언제든 다시 확인하세요." : "이 티켓은 확정되었습니다. 쿠폰을 만들고 있습니다."),
    step: (f) => (f.done ? "다시 확인하기" : ""),
  },
  making: {
    sentence: (f) => `${f.ticket}번 티켓의 쿠폰을 만들고 있습니다.`,
    detail: (f) => (f.done ? "평소보다 오래 걸리고 있습니다. 티켓은 그대로 유지되니 언제든 다시 확인하세요." : "몇 초면 됩니다. 티켓은 이미 회원님의 것입니다."),
    step: (f) => (f.done ? "다시 확인하기" : ""),
  },
  issued: {
    sentence: () => "쿠폰이 준비되었습니다.",
    detail: (f) => (f.code ? "사용하실 때 이 코드를 보여 주거나 입력하세요." : "회원님 이름으로 등록되었습니다. 더 하실 일은 없습니다."),
    step: (f) => (f.code ? "코드 복사" : ""),
    done: "복사했습니다",
  },
  soldout: {
    sentence: () => "쿠폰이 모두 소진되었습니다.",
    detail: (f) => (f.asked ? "아쉽게도 쿠폰을 받지 못하셨습니다. 남는 쿠폰은 그때 신청하는 분께 드립니다." : `이미 신청하셨다면 ${f.signedOut ? "로그인해" : "확인해"} 보세요. 받은 티켓을 찾아 드립니다.`),
    step: (f) => (f.signedOut ? "로그인" : f.asked ? "다시 신청하기" : "확인하기"),
  },
  paused: { sentence: () => "이벤트가 잠시 중단되었습니다.", detail: () => "이 페이지를 열어 두시면 자동으로 계속됩니다. 그동안은 아무도 쿠폰을 받지 않습니다." },
  closed: { sentence: () => "이벤트가 끝났습니다.", detail: () => "이미 신청하셨다면 확인해 보세요. 받은 티켓을 찾아 드립니다.", step: () => "내 티켓 찾기" },
  refused: { sentence: () => "이 이벤트의 쿠폰을 받으실 수 없습니다.", detail: () => "주최자가 정한 사항입니다. 이의가 있으시면 접수 번호와 함께 주최자에게 문의하세요." },
  tryagain: {
    sentence: () => "응답이 없습니다.",
    detail: (f) => `${f.again ? `${f.again} 후에 다시 시도합니다.` : "잠시 후 다시 시도해 주세요."} 이미 받은 티켓은 그대로 유지됩니다.`,
    step: (f) => (f.again ? "" : "다시 시도하기"),
  },
  signedout: {
    sentence: (f) => (f.expired ? "다시 로그인해 주세요." : "로그인하고 참여하세요."),
    detail: (f) => (f.expired ? "로그아웃되었습니다. 순서는 회원님 계정에 있으니 그대로 유지됩니다." : "쿠폰은 한 사람에 한 장이므로 본인 확인이 필요합니다."),
    step: () => "로그인",
  },
  offline: { sentence: () => "인터넷에 연결되어 있지 않습니다.", detail: () => "다시 연결되면 자동으로 계속됩니다. 이미 받은 티켓은 그대로 유지됩니다." },
  until: { before: "시작까지", turn: "내 차례까지", signedout: "시작까지" },
  facts: {
    opens: "시작", yours: "현지 시각", turn: "내 차례", capacity: "쿠폰 수", ticket: "티켓", applied: "신청 시각", issued: "발급 시각",
    soldOut: "마지막 쿠폰", asked: "신청한 시각", reference: "접수 번호", askedAgain: "다시 신청한 시각", referenceAgain: "재신청 접수 번호",
  },
  said: { 600: "10분 남았습니다.", 60: "1분 남았습니다.", 10: "10초 남았습니다." },
  opened: "시작되었습니다.",
  signOut: (name) => `${name} 로그아웃`,
  coupon: "쿠폰",
  seconds: (n) => `${n}초`,
  days: (n) => `${n}일`,
};

export const LANGUAGES = { en, ko };

/** Return the first of these languages that the page speaks. */
export function choose(wanted) {
  return wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES) ?? "en";
}
