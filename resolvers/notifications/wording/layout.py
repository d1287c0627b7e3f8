"""Layout of an email: one column of tables with inline styles, which mail readers of every age display.

An email loads nothing from elsewhere. Colours have a contrast of at least 4.5 to their background (WCAG 2.2, 1.4.3) in
light and dark mode; readers without media queries show the light mode.
"""

from string import Template

PAGE = Template("""\
<!DOCTYPE html>
<html lang="$lang">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>$subject</title>
<style>
@media (prefers-color-scheme: dark) {
  .ground { background: #11151a !important; }
  .card { background: #1c2229 !important; }
  .text { color: #e8eaed !important; }
  .soft { color: #aab4bf !important; }
  .line { border-color: #39424d !important; }
  .button { background: #8ab4f8 !important; }
  .button a { color: #11151a !important; }
}
</style>
</head>
<body class="ground" style="margin:0; padding:0; background:#eef1f5;">
<table role="presentation" class="ground" width="100%" cellpadding="0" cellspacing="0" border="0" \
style="background:#eef1f5;">
<tr><td align="center" style="padding:16px 12px;">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" border="0" \
style="max-width:560px; background:#ffffff; border-radius:8px; text-align:left; \
font-family:Arial,Helvetica,sans-serif;">
<tr><td style="background:#123a7a; border-radius:8px 8px 0 0; padding:14px 20px; color:#ffffff; font-size:18px; \
line-height:24px; font-weight:bold;">$airline</td></tr>
<tr><td class="text" style="padding:20px 20px 4px; color:#1c2229; font-size:16px; line-height:24px;">
<h1 style="margin:0 0 16px; font-size:22px; line-height:28px;">$headline</h1>
<p style="margin:0 0 12px;">$greeting</p>
$paragraphs
</td></tr>
<tr><td style="padding:4px 20px 12px;">
<table class="line" width="100%" cellpadding="0" cellspacing="0" border="0" style="border-top:1px solid #d5dbe3;">
$details
</table>
</td></tr>
$button
<tr><td class="line" style="padding:12px 20px 16px; border-top:1px solid #d5dbe3;">
$notes
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
""")

PARAGRAPH = Template('<p style="margin:0 0 12px;">$text</p>')

DETAIL = Template("""\
<tr>
<th scope="row" align="left" valign="top" class="soft line" style="width:42%; padding:10px 8px 10px 0; \
border-bottom:1px solid #d5dbe3; color:#55606d; font-size:14px; line-height:20px; font-weight:normal;">$label</th>
<td valign="top" class="text line" style="padding:10px 0; border-bottom:1px solid #d5dbe3; color:#1c2229; \
font-size:15px; line-height:20px; font-weight:bold;">$value</td>
</tr>""")

BUTTON = Template("""\
<tr><td style="padding:8px 20px 20px;">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr><td class="button" align="center" style="background:#123a7a; border-radius:6px;">
<a href="$link" style="display:block; padding:14px 16px; color:#ffffff; font-size:16px; line-height:20px; \
font-weight:bold; text-decoration:none;">$label</a>
</td></tr>
</table>
</td></tr>""")

NOTE = Template('<p class="soft" style="margin:0 0 8px; color:#55606d; font-size:13px; line-height:18px;">$text</p>')
