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
  // Spelling is folded as in the search of `qirat explore`: case, marks and the forms of Arabic letters do not matter.
  function folded(text) {
    return text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f\u0640\u064b-\u065f\u0670]/g, "")
      .replace(/ى/g, "ي").replace(/ة/g, "ه");
  }
  // A table of many rows can be searched; without script it shows all of them.
  Array.from(document.querySelectorAll("article table")).forEach(function (table) {
    var rows = Array.from(table.tBodies[0].rows);
    if (rows.length < 8) return;
    var field = document.createElement("input");
    field.type = "search";
    field.placeholder = table.closest("article").dataset.search;
    field.setAttribute("aria-label", field.placeholder + ": " + table.caption.textContent);
    field.addEventListener("input", function () {
      var words = folded(field.value).split(/\s+/);
      rows.forEach(function (row) {
        var text = folded(row.textContent);
        row.hidden = !words.every(function (word) { return text.includes(word); });
      });
    });
    table.parentElement.before(field);
  });
  window.addEventListener("hashchange", follow);
  follow();
})();
