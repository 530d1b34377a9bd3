"""The style of a report's page: light and dark, for wide windows, telephones and paper."""

from __future__ import annotations

__all__ = ["STYLE"]

# The colours of curves are Okabe and Ito's blue and vermilion, which colour-blind readers can tell
# apart; lighter ones of the same hues on dark paper.
STYLE = """
:root{--paper:#fbfbf9;--card:#fff;--ink:#1d2329;--soft:#5a646e;--faint:#e3e5e2;--curve-0:#0072b2;
--curve-1:#d55e00;--curve-2:#007a5a;--curve-3:#a8487f;--right:0 114 178;--wrong:230 125 20}
@media(prefers-color-scheme:dark){:root{--paper:#14181c;--card:#1c2126;--ink:#e6e8ea;--soft:#a3adb6;
--faint:#333b43;--curve-0:#56b4e9;--curve-1:#ff9147;--curve-2:#3ac79b;--curve-3:#e59ac4;
--right:60 150 215;--wrong:220 120 40}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
header,main{max-width:1080px;margin:0 auto;padding:0 20px}
header{padding-top:36px}main{padding-bottom:64px}
.kind{margin:0;color:var(--soft);font-size:.85rem}
h1{margin:0 0 20px;font-size:clamp(1.5rem,5vw,2.2rem);line-height:1.2;overflow-wrap:anywhere}
h2{margin:0 0 14px;font-size:1.25rem}
section{margin-top:44px;scroll-margin-top:12px}p{color:var(--soft);margin:0 0 12px}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin-top:22px;font-size:.92rem}
a{color:var(--curve-0)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0}
.tiles>div,figure,.examples li,.scroll,pre{background:var(--card);border:1px solid var(--faint);
border-radius:8px}
.tiles>div{padding:12px 14px}dt{color:var(--soft);font-size:.85rem}dd{margin:0}
.tiles b{display:block;font-size:1.5rem;line-height:1.3;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:.82rem;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:14px}
figure{margin:0;padding:14px 12px 8px}
svg{display:block;width:100%;height:auto;font:13px system-ui,sans-serif}
svg text{fill:var(--ink)}svg .title{font-weight:600;font-size:15px}svg .tick{fill:var(--soft);
font-size:12px}svg .grid{stroke:var(--faint)}
svg .curve{fill:none;stroke-width:2;stroke-linejoin:round}
svg .best{fill:none;stroke:var(--ink);stroke-width:1.5}
.scroll{overflow-x:auto;padding:4px 14px 10px}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{caption-side:top;text-align:left;color:var(--soft);padding:8px 0;font-size:.88rem}
caption span{display:inline-block;position:sticky;left:0;max-width:min(720px,100vw - 62px)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th{text-align:left;font-weight:600}
th,td{padding:5px 10px 5px 0;border-top:1px solid var(--faint);vertical-align:top}
thead th{border-top:0;white-space:nowrap}
.figures{min-width:min(100%,560px)}.figures td,.figures th+th{text-align:right;padding-left:12px}
.figures.classes{width:100%}.classes td:nth-child(n+3){min-width:110px}
.facts th{font-weight:400;color:var(--soft);padding-right:24px;white-space:nowrap}
.facts tr:first-of-type>*{border-top:0}.facts td{overflow-wrap:anywhere}
.matrix{width:min(100%,760px)}
.matrix td,.matrix th{border:0;padding:6px 8px;text-align:center;min-width:2.6em}
.matrix td{border:2px solid var(--card);border-radius:6px}
.matrix th[scope=row]{text-align:right;max-width:12em;overflow-wrap:anywhere}
.matrix .corner{font-weight:400;color:var(--soft);font-size:.82rem;white-space:nowrap}
.matrix .right{background:rgb(var(--right)/var(--share))}
.matrix .wrong{background:rgb(var(--wrong)/var(--share));font-weight:600}
.matrix .none{color:var(--soft);opacity:.75}
.bar{display:block;padding:0 6px;border-radius:3px;background:linear-gradient(90deg,
rgb(var(--right)/.28) var(--share),transparent var(--share))}
.examples{list-style:none;margin:0;padding:0;display:grid;gap:12px;
grid-template-columns:repeat(auto-fill,minmax(148px,1fr))}
.examples li{padding:10px;border-top:3px solid rgb(var(--wrong))}
.examples .right{border-top-color:rgb(var(--right))}
.examples img{width:100%;aspect-ratio:1;object-fit:contain;image-rendering:pixelated;
border-radius:4px;background:#000;margin-bottom:8px}
.examples dl{margin:0;font-size:.9rem}.examples dl div{display:flex;gap:8px}
.examples dt{width:3.2em;flex:none}.examples dd{overflow-wrap:anywhere;min-width:0}
.examples .wrong .found,.wrong .found{font-weight:600;color:var(--curve-1)}
.number{color:var(--soft);font-size:.78rem}
summary{cursor:pointer;margin-bottom:10px}
pre{margin:0;padding:14px;overflow-x:auto;font-size:.85rem;line-height:1.45}
:focus-visible{outline:2px solid var(--curve-0);outline-offset:2px}
@media(max-width:480px){header,main{padding-left:14px;padding-right:14px}
.tiles{grid-template-columns:1fr 1fr}.tiles b{font-size:1.2rem}
.matrix td,.matrix th{padding:4px 1px;min-width:1.9em;font-size:.84rem}
.matrix .corner{white-space:normal;min-width:3.2em}.classes td:nth-child(n+3){min-width:50px}
.figures{min-width:100%;font-size:.82rem}.figures td,.figures th+th{padding-left:4px;
padding-right:4px}.bar{padding:0 2px}
.examples{grid-template-columns:1fr 1fr}.facts th{white-space:normal;padding-right:14px}}
@media print{nav{display:none}section,figure,li{break-inside:avoid}}
"""
