⍝ What several programs use.
∇R←MEAN B
R←(+/B)÷↑⍴B
∇
∇R←SPREAD B;M
M←MEAN B          ⍝ M is local
R←⌈/(B-M)×B-M
∇
READINGS←50000⍴3 1 4 1 5 9 2 6
∇R←TYPICAL
R←MEAN READINGS
∇
)NS TEMPERATURE
  ZERO←32
  ∇R←CELSIUS F
  R←(F-ZERO)×5÷9
  ∇
  ∇R←LOCAL
  R←CELSIUS ##.OUTSIDE
  ∇
)END
