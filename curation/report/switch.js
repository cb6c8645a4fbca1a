(function () {
  var root = document.documentElement;
  var articles = Array.from(document.querySelectorAll("main > article"));
  var buttons = Array.from(document.querySelectorAll("nav.languages a"));
  function show(code) {
    var shown = articles.find(function (article) { return article.lang === code; }) || articles[0];
    root.lang = shown.lang;
    root.dir = shown.dir;
    document.title = shown.dataset.title;
    articles.forEach(function (article) { article.hidden = article !== shown; });
    buttons.forEach(function (button) {
      if (button.lang === shown.lang) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }
  // #ar shows Arabic, #ar-funnel shows it at that section: a link can be sent to a colleague.
  function follow() {
    var asked = location.hash.slice(1);
    show(asked ? asked.split("-")[0] : (navigator.language || "en").split("-")[0]);
    var target = asked && document.getElementById(asked);
    for (var at = target; at; at = at.parentElement) if (at.localName === "details") at.open = true;
    var folded = target && target.querySelector(":scope > details");
    if (folded) folded.open = true;
    if (target) target.scrollIntoView();
  }
  window.addEventListener("hashchange", follow);
  follow();
})();
