package page

import "github.com/nsblame/nsblame/internal/present/render"

// write writes the whole page.
func (m markup) write(v *view) error {
	m.put(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{}</title>
<style>{}</style>
</head>
<body>
`, v.Policy, v.Title, v.Style)
	m.head(v)
	m.put("<main>\n")
	m.causes(v)
	if len(v.Hosts) > 0 {
		m.put(`<section aria-labelledby="hosts">
<h2 id="hosts">Machines</h2>
<div class="wide">`)
		m.table("Machines, the one with the most creations first", v.Hosts, nil)
		m.put("</div>\n</section>\n")
	}
	if v.Timeline != nil {
		m.timeline(v.Timeline)
	}
	if len(v.Causes) > 0 {
		m.put("<section aria-labelledby=\"details\">\n<h2 id=\"details\">Each cause</h2>\n")
		for i := range v.Causes {
			m.cause(&v.Causes[i])
		}
		m.put("</section>\n")
	}
	m.list("costs", "Costs", v.Costs)
	m.list("modules", "Modules", v.Loads)
	m.list("units", "Units that created none", v.Units)
	m.put("</main>\n")
	if v.Timeline != nil {
		data, err := jsonOf(v.Timeline.Data)
		if err != nil {
			return err
		}
		m.put("<script type=\"application/json\" id=\"data\">{}</script>\n", data)
	}
	m.put("<script>{}</script>\n</body>\n</html>\n", v.Script)
	return nil
}

func (m markup) head(v *view) {
	m.put(`<a class="skip" href="#causes">To the causes</a>
<header>
<h1>{}</h1>
<p class="summary">{}</p>
<p class="soft">{}</p>
`, v.Title, v.Summary, v.Detail)
	if v.Complete {
		m.put("<p class=\"good\">{}</p>\n", v.Verdict)
	} else {
		m.put("<p class=\"bad\"><strong>{}</strong></p>\n<ul>", v.Verdict)
		for _, gap := range v.Gaps {
			m.put(`<li class="bad">{}</li>`, gap)
		}
		m.put("</ul>\n")
	}
	m.put("</header>\n")
}

// causes writes the table of all, and what helps against the first.
func (m markup) causes(v *view) {
	m.put("<section aria-labelledby=\"causes\">\n<h2 id=\"causes\">Causes</h2>\n")
	if len(v.Table) > 0 {
		m.put("<div class=\"wide\">")
		m.table("Root causes, the most frequent first", v.Table, v.Causes)
		m.put("</div>\n")
	} else {
		m.put("<p>No network namespace was created.</p>\n")
	}
	m.with(v.More, "<p class=\"soft\">{}</p>\n")
	if len(v.Top) > 0 {
		m.put("<ol>\n")
		for i := range v.Top {
			c := &v.Top[i]
			m.put(`<li value="{}"><p><strong>{}</strong></p>`, c.Number, c.Happens)
			m.with(c.Do, "<p>{}</p>")
			m.with(c.Command, commandForm)
			m.put("</li>\n")
		}
		m.put("</ol>\n")
	}
	m.put("</section>\n")
}

const commandForm = `<div class="copy"><pre class="wrap"><code>{}</code></pre></div>`

// timeline writes the picture that stands without script, and what the script needs.
func (m markup) timeline(t *timeline) {
	m.put(`<section aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
<figure>
<svg id="still" viewBox="0 0 {} {}" width="{}" role="img" aria-labelledby="still-title">
<title id="still-title">How many namespaces of each cause there were, from {} to {}.`,
		barsWidth, t.Height+26, barsWidth, t.From, t.Until)
	for i := range t.Lanes {
		m.put(" {}.", t.Lanes[i].Text)
	}
	m.put("</title>\n")
	for i := range t.Lanes {
		l := &t.Lanes[i]
		m.put("<text x=\"0\" y=\"{}\">{}</text>\n<g fill=\"{}\">", l.LabelY(), l.Label, l.Color)
		for _, b := range l.Bars {
			m.put(`<rect x="{}" y="{}" width="{}" height="{}"/>`, b.X, b.Y, b.Width, b.Height)
		}
		m.put("</g>\n")
	}
	m.put(`<line class="axis" x1="0" x2="{}" y1="{}" y2="{}" stroke="#888"/>
<text class="soft" x="0" y="{}">{}</text>
<text class="soft" x="{}" y="{}" text-anchor="end">{}</text>
</svg>
`, barsWidth, t.Height+2, t.Height+2, t.Height+20, t.From, barsWidth, t.Height+20, t.Until)
	m.put(`<div class="tools" id="tools" hidden>
<button type="button" data-do="in">Zoom in</button><button type="button" data-do="out">Zoom out</button>
<button type="button" data-do="left">Earlier</button><button type="button" data-do="right">Later</button>
<button type="button" data-do="all">Whole time</button>
</div>
<div id="canvas" hidden tabindex="0" role="application" aria-roledescription="timeline" aria-label="Namespaces over time, a row for each cause" aria-describedby="keys">
<canvas aria-hidden="true"></canvas><div id="tip" hidden></div>
</div>
<p id="live" class="soft" role="status" aria-live="polite"></p>
<figcaption id="keys">Each namespace is a bar in the row of its cause. Where there are more than can be told apart, the height says how many.
<span id="help" hidden>Keys: left and right move, + and - zoom, Home shows all. The wheel zooms, dragging moves.</span></figcaption>
</figure>
`)
	for _, note := range t.Notes {
		m.put("<p class=\"soft\">{}</p>\n", note)
	}
	m.put("</section>\n")
}

func (m markup) cause(c *cause) {
	m.put(`<article id="cause-{}" aria-labelledby="cause-{}-name">
<h3 id="cause-{}-name"><span class="swatch" aria-hidden="true" style="background-color:{}"></span>{}. {}</h3>
`, c.Number, c.Number, c.Number, trusted(c.Color), c.Number, c.Name)
	m.with(c.Happens, "<p>{}</p>\n")
	m.put("<dl>")
	for _, row := range c.Rows {
		m.put("<dt>{}</dt>", row.Title)
		for _, value := range row.Values {
			m.put("<dd>{}</dd>", value)
		}
	}
	m.put("</dl>\n")
	m.remedies(c.Remedies)
	if c.Chain != nil {
		m.chain(c.Chain)
	}
	if c.Histogram != nil {
		m.histogram(c.Histogram)
	}
	if len(c.Figures) > 0 {
		m.put("<h4>Figures</h4>\n<div class=\"wide\">")
		m.table("Durations", c.Figures, nil)
		m.put("</div>\n")
	}
	m.put("<details><summary>One of them, with its evidence</summary><pre>{}</pre></details>\n</article>\n", c.Example)
}

func (m markup) remedies(list []render.PageRemedy) {
	if len(list) == 0 {
		return
	}
	m.put("<h4>What ends it</h4>\n<ul>\n")
	for i := range list {
		r := &list[i]
		m.put("<li><p>{}</p>", r.Do)
		if r.File != "" {
			m.put(`<p>Write {}:</p><div class="copy"><pre><code>{}</code></pre></div>`, r.File, r.Contents)
		}
		for _, command := range r.Commands {
			m.put(commandForm, command)
		}
		m.with(r.Cost, `<p class="soft">Costs: {}</p>`)
		m.put("</li>\n")
	}
	m.put("</ul>\n")
}

func (m markup) chain(c *chain) {
	m.put(`<h4>Chain</h4>
<figure>
<svg viewBox="0 0 {} {}" width="{}" role="img" aria-labelledby="chain-{}">
<title id="chain-{}">From the origin to the namespace:`, c.Width, c.Height, c.Width, c.Number, c.Number)
	for _, b := range c.Boxes {
		m.put(" {}: ", b.Title)
		for _, row := range b.Rows {
			m.put("{} ", row.Text)
		}
		m.put("({}).", b.Evidence)
	}
	m.put("</title>\n")
	for i, b := range c.Boxes {
		class := "box"
		if i == 0 {
			class = "box first"
		}
		m.put(`<rect class="{}" x="1" y="{}" width="{}" height="{}" rx="6" fill="#f6f8fa" stroke="#8c959f"/>
<text class="soft" x="12" y="{}">{}</text><text class="soft" x="{}" y="{}" text-anchor="end">{}</text>`,
			class, b.Y, c.Width-2, b.Height, b.TitleY(), b.Title, c.Width-12, b.TitleY(), b.Evidence)
		for _, row := range b.Rows {
			m.put(`<text class="mono" x="12" y="{}">{}</text>`, row.Y, row.Text)
		}
		if b.Arrow {
			m.put(`<path class="arrow" d="M24 {}v18m-5 -6l5 6l5 -6" stroke="#57606a" fill="none"/>`, b.ArrowY)
		}
		m.put("\n")
	}
	m.put("</svg>\n<figcaption>On the right is what shows each step.</figcaption>\n</figure>\n")
}

func (m markup) histogram(h *histogram) {
	m.put(`<h4>{}</h4>
<figure>
<svg viewBox="0 -18 480 160" width="480" role="img" aria-labelledby="intervals-{}">
<title id="intervals-{}">{}</title>
<text class="soft" x="0" y="-5">up to {}</text>
<g fill="{}">`, h.Title, h.Number, h.Number, h.Text, h.Most, h.Color)
	for _, b := range h.Bars {
		m.put(`<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>`, b.X, b.Y, b.Width, b.Height, b.Text)
	}
	m.put(`</g>
<line class="axis" x1="0" x2="480" y1="121" y2="121" stroke="#888"/>
<text class="soft" x="0" y="138">{}</text><text class="soft" x="240" y="138" text-anchor="middle">{}</text><text class="soft" x="480" y="138" text-anchor="end">{}</text>
</svg>
<figcaption>{}.</figcaption>
</figure>
`, h.From, h.Middle, h.Until, h.Text)
}

// table writes a table. With causes, the first cell of a row leads to that one.
func (m markup) table(caption string, columns []render.PageColumn, causes []cause) {
	m.put(`
<table style="border-collapse:collapse">
<caption style="text-align:left;padding:4px 0">{}</caption>
<thead><tr>`, caption)
	for _, c := range columns {
		class, align := cellStyle(c.Number)
		title := c.Title
		if title == "" {
			title = "State"
		}
		m.put(`<th scope="col"{} style="padding:4px 10px;text-align:{}">{}</th>`, class, align, title)
	}
	m.put("</tr></thead>\n<tbody>\n")
	for i := range columns[0].Cells {
		m.put("<tr>")
		for j, c := range columns {
			class, align := cellStyle(c.Number)
			if j == 0 && causes != nil {
				m.put(`<th scope="row" class="n" style="padding:4px 10px;text-align:right"><a href="#cause-{}"><span class="swatch" aria-hidden="true" style="background-color:{}"></span>{}</a></th>`,
					causes[i].Number, trusted(causes[i].Color), c.Cells[i])
				continue
			}
			m.put(`<td{} style="padding:4px 10px;text-align:{}">{}</td>`, class, align, c.Cells[i])
		}
		m.put("</tr>\n")
	}
	m.put("</tbody>\n</table>\n")
}

// cellStyle is the class of a cell and how it is aligned.
func cellStyle(number bool) (class, align trusted) {
	if number {
		return ` class="n"`, "right"
	}
	return "", "left"
}

func (m markup) list(id, head string, l *render.PageList) {
	if l == nil {
		return
	}
	m.put("<section aria-labelledby=\"{}\">\n<h2 id=\"{}\">{}</h2>\n", id, id, head)
	for _, p := range l.Title {
		m.put("<p>{}</p>", p)
	}
	m.put("\n<ul>")
	for _, item := range l.Items {
		m.put("<li>{}</li>", item)
	}
	m.put("</ul>\n</section>\n")
}
