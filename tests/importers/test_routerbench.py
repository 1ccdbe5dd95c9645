from __future__ import annotations

import base64
import json
import os
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from routereval.errors import DataError
from routereval.importers import routerbench
from routereval.importers.pandas_pickle import load_frame
from routereval.importers.routerbench import prompt_text
from tests.fuzzing import examples
from tests.importers.table_mutations import (
    SHARED,
    cells,
    costs,
    damages,
    ends_well,
    equals_neutral,
    same,
)

# DataFrame(..., index=[5, 7, 9]).to_pickle() of the records in WIDE, by the version of pandas that
# wrote it; the prompt of arc.2 is a list. zlib, base 85.
FRAMES = {
    "1.5.3": (
        "c-nPT%Wl*#6rIdW+D==+P?b`I1l@Jm43F|!fJUMSD1ia7gjT`Hc*aqaIJF&yLMuR`FUdPhCHM&Td;&Wp"
        "zJNbq$qufav}8*0BG-=Zx%N5s@f-U?-7c9Xk0mJXAl~#T!_6*35mvHx3kh`F^xvzqZ`HbL$f_Iln3AW9"
        "=|L<oi&4m%5sFa{Gp^+L&5-)b53(`9<y4Mv!@%QzAxa)~(>MwI<q*4`#^~gUIE|9ktU7ct3w$NV+%BV$"
        "mv+0RVq^Disn~wD28N|?txq3y`;y16tvS=aw_Z(tzVqYdyF98K_v^KiwpkZqN315AwJdk9sh#aD^;k8W"
        "inOk)cDsG=H#GBcN<w)~#i?v6Y0WDEY2-*_cRJrfC6B{-9Lb|16S5o>3X`eB%5ErfQkQhfI*p7KOIw3v"
        "_s5EyaV))`3@S&wGzdiygU~h)17DMJs*degTZPK<ctP+e1ps0Ufe_;^!#<6<V5u(vO6qbLj?qj)q0)w$"
        "w>*`xu$&>YFmQV~Allji(OST6X9+HojhNrOpt5*T$)SD_Q~jg%barKi#&~u~nY@)5(Wj6n2##9{>-j(|"
        "&T^QS6#y%;AgdY-#{jp};;Ky?a$i~kK$P{)AtmcEbtBrrp$ja56->d_G3-U_dj3Cpmh+hVq%@SrT0!rj"
        "!Gqc|d!8P2NC&^byy+nhz8ZC7+;<oBKP~AKY47!o!#dzPMdrw5EibvcC+;W=ZW!5W97PG(CFp=;33ws_"
        "E;aldg>J0PO4{U+oHVr8GR6$^1Wpmwu6zIf$}$BNNNdBP*tj<^oTd!<uwaH1)MYdk7&=BiSv9M+(@lMs"
        "7UikKnD4uIbRia3E)@uqXT^JMAFxbO=Y2yEnk|O)2c9G_D+r)<+k3g(2n%F{T+-J|2zZm$K`pl%qMqrV"
        "Kw(Jx-0h?Z*a88a5P29Lq-~yh%|F(a#_I"
    ),
    "2.2.3": (
        "c-nPTO>fjN5Z&x<w%xXZ0#zv&=&j3T`KS;aKr2xMl)!>GLW^+{?>cG{r;fu?Xaz|0OY#j<34R23egZcn"
        "egP-09J#^RNg-Rnhm0N18_#>5@k{&dw|d14c_hKHkJGltIBEAdj);=YYgpjxX8uN<ex){4OV&};=SrR|"
        "y9co#JjP+#j&O|ogr`bQTn(AGawlH{Tuv7V6b5ek2cqO*l*LKlt%L-*8l#<$#aWcBwUG%AbHW2p$#K-<"
        "EON76&xCC4-K><y_s-C=^11W=ogN<x`>8W;#+T0XsSh{4K6_nQRp5TSP|`LBgZ0H)qG`)&?~>Zx*;e;e"
        "%c)80vg&rbw|>GfAEzRe>(rdumXg+j65vJ;wf1I;6l#SXDeP!r6+J4eK`Ahu{#V#dMNjCEPF1_n@p5Qu"
        "nC$PhqNf~7=aWO_sG9|$2x3s$PQ$>{q@22AJJxn7vYaj}9%X>QoMTX80&(K8I2Ane1Yqf;9D$28n-Hn8"
        "sTM3(<uoj(VNM2ecZXD4KcHF%=<O~;IoX(d?Q<%(=ap;>f|%(a&4+WVvn(ca%gXqz&WZs8KS4>{QAF<t"
        "VredgeOUvrqKmSw!Eg^ypH`~6)S<VfB>=>D{|r`gGG-`ZJ_$8TU<F%{I)PlYuxI}xXtl6*VH<^QmIQAM"
        "-_*9rd1kmreDai}Z5OA|Sz{<B1GK3BX-OYQdw*_v%!j^Hbe>+&^3sd@;*P=Mijl3E;wXWJ34D+&fu=}+"
        "OOrgoA&Pao(k{Ixrwr}&oG~Y90=EcfPr85q$~^@WSZk9)unBi)Im0;i;J_Ry7~(7w1SUp4SvRM4vn^dr"
        "OY{-2ppVPdY9DBXvUtDCoU%Lu(I0qepap@I7GwWGLJ<+zsI#nVMhJLnHb4T@3vu5}kK-_8gB1B$0>zFY"
        "#}K;&-kF^=bKAcF<Jh;M"
    ),
    "3.1.1": (
        "c-pO1&rcLF6yDk0Sy({Dph%)YE{658M!k42*$70GiL23@N}A4WcROKz+3AR@5G4_Wq&F*x-i&u+y!j89"
        "cr)?r!T&&S-t@II3$x(GgdV2t^u70e-|L$<&&*ffD+N77CBi`q$5K@1FvnLJ_KAEc&#uW;SrcXCcbF8D"
        "sZHGp8L7JgCoI5TT=#K+JA{Gn$cz^{OE=OzxYxvZ=7K!ej(2^eID(QOa-AiQAX_<swHWI&#*E=ESe`;C"
        ">OR^vZ_Zs&Co|YtA}!^1D0AyM4Bz3*4LaHi&KFKsewCXq<ZVd{y|X#qjg&r+-Q_e4<owg$X(BejPK*bM"
        "A9d?U3-uF^yE--qM2t9L5ObC|T=|>YQi=g!kl|T{bvbL;QX$qX!z!&ydP<nB9%S+6CAqbko|c5MBAd<T"
        "!XFs=VKun4w-zCFCT33kyiDf{Ky}#-LU=*IU_;ts&`w-n7Jy<i_FRW(YydP=Y^$gh57U!$QZb@aJwCu_"
        "L(-bYsNS1?Fck)5dQob~2UC1Ggm|2ipdpDmclrJ47|s<ey$IgLJphO4(Oim;)A7Ds?#Ea8NYP86OwwDT"
        "td#Y10Y=d(^<#*!{Dr`pFxP>LMr{`QcG7OA)wX@DkRLxAecQs<#+%n_e9Go8jf;AGYdksje*VYf=h-YX"
        "zu!+KJtK<kzU#WY=ei2O8t6hwg)u9+qI<WtJ&{3{vUwnz2eVlRc5{I#`d3)Ul+E+G&V@Gm#qI1RrP&p0"
        "S4d~sG7s#^3}^#Jy!*NAUYcoD4hn@nqie$8xr(S*0|zF-3|Z$KmSQvrksr2*r>Y7*YYxin9A?!T%42f<"
        "g-rCfz!rH#;<}AvBE=92$TGUF-a#=!uQ7XT-9lT?R^@-w9@?Q@jj<m=`*T~WYeC&dK)6aCVh;tXS<|=l"
        "oj9hot)#LTi6iJ$KyB3C|0=cQA;&5KF$5d2`?eDy!wvwZo;*Y>OgMqXP6sM$;AWz!zo#ESC;gbOQFBlE"
        "S93MGQ{41(8iDB6TSm|)L6}NcTmOYb75Ri?oxerZ4mpQ^%_?L8wLRR?%M;l1!sQsXk_b8>2AUqW3H)a^"
        "<HWB21;<`_as"
    ),
}

WIDE = """\
,sample_id,prompt,eval_name,org/a,b,org/a|model_response,org/a|total_cost,b|total_cost,oracle
5,arc.1,['q one'],arc,1.0,1,r,0.1,0.01,org/a
7,arc.2,"['q two', 'then?']",arc,0.0,0,"s,
t",0.2,0.02,no_model_correct
9,wino.1,"['it\\'s']",wino,0.25,1,,0.3,,b
"""
LONG = """\
sample_id,prompt,eval_name,model_name,performance,model_response,cost
arc.1,q,arc,org/a,1.0,r,0.1
arc.1,q,arc,b,0.0,r,0.01
"""


def _frame(path: Path, version: str) -> Path:
    path.write_bytes(zlib.decompress(base64.b85decode(FRAMES[version])))
    return path


def _wide(path: Path) -> Path:
    path.write_text(WIDE)
    return path


def test_the_wide_table_becomes_a_draft_an_eval_name(tmp_path: Path) -> None:
    file = _wide(tmp_path / "rb.csv")
    assert routerbench.recognise(file)
    assert routerbench.recognise(tmp_path)
    arc, wino = routerbench.read(file)
    assert (arc.name, wino.name) == ("arc", "wino")
    assert arc.models == ["org/a", "b"]
    assert cells(arc) == {
        ("arc.1", "org/a"): 1,
        ("arc.1", "b"): 1,
        ("arc.2", "org/a"): 0,
        ("arc.2", "b"): 0,
    }
    assert cells(wino) == {("wino.1", "org/a"): 0.25, ("wino.1", "b"): 1}
    assert costs(wino) == {("wino.1", "org/a"): 0.3}
    assert arc.prompts["text"].to_list() == ["q one", "q two\nthen?"]
    assert wino.prompts["text"].to_list() == ["it's"]


@pytest.mark.parametrize("version", FRAMES)
def test_the_pickled_frame_says_the_same(tmp_path: Path, version: str) -> None:
    file = _frame(tmp_path / "routerbench_0shot.pkl", version)
    assert routerbench.recognise(file)
    assert routerbench.recognise(tmp_path)
    columns = load_frame(file)
    assert list(columns)[:3] == ["sample_id", "prompt", "eval_name"]
    assert columns["b|model_response"].tolist() == ["r", "s", "t"]
    same(routerbench.read(file), routerbench.read(_wide(tmp_path / "rb.csv")))


def test_the_long_form_is_read(tmp_path: Path) -> None:
    file = tmp_path / "raw.csv"
    file.write_text(LONG)
    assert routerbench.recognise(file)
    (arc,) = routerbench.read(file)
    assert cells(arc) == {("arc.1", "org/a"): 1, ("arc.1", "b"): 0}
    assert costs(arc) == {("arc.1", "org/a"): 0.1, ("arc.1", "b"): 0.01}


def test_rows_of_one_prompt_are_joined_where_they_do_not_disagree(tmp_path: Path) -> None:
    lines = WIDE.splitlines()
    file = tmp_path / "rb.csv"
    file.write_text("\n".join([lines[0], "1,p,t,e,1.0,,,,,x", "2,p,t,e,,0,,,,x"]))
    (draft,) = routerbench.read(file)
    assert cells(draft) == {("p", "org/a"): 1, ("p", "b"): 0}
    file.write_text("\n".join([lines[0], "1,p,t,e,1.0,,,,,x", "2,p,t,e,0.0,,,,,x"]))
    with pytest.raises(DataError, match="prompt 'p', model 'org/a': 1 and 0"):
        list(routerbench.read(file))


def test_a_model_without_costs_is_known_by_its_answers(tmp_path: Path) -> None:
    file = tmp_path / "rb.csv"
    heads = "sample_id,prompt,eval_name,a,b,a|model_response,b|model_response,b|total_cost"
    file.write_text(f"{heads}\np,t,e,1,0,x,y,0.5\n")
    (draft,) = routerbench.read(file)
    assert cells(draft) == {("p", "a"): 1, ("p", "b"): 0}
    assert costs(draft) == {("p", "b"): 0.5}


def test_bad_rows_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "rb.csv"
    file.write_text(WIDE.replace("1.0", "good").replace("0.25", "25"))
    with pytest.raises(DataError, match="2 rows cannot be read") as caught:
        list(routerbench.read(file))
    assert f"{file}:2: 'org/a': score 'good' is not a number" in str(caught.value)
    assert f"{file}:5: 'org/a': score 25 lies outside [0, 1]" in str(caught.value)


def test_what_is_not_routerbench_is_told(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("sample_id,prompt\n1,2\n")
    assert not routerbench.recognise(file)
    with pytest.raises(DataError, match="no column 'eval_name'"):
        list(routerbench.read(file))
    file.write_text("sample_id,eval_name,x\n1,2,3\n")
    with pytest.raises(DataError, match="neither columns"):
        list(routerbench.read(file))
    with pytest.raises(DataError, match="holds no CSV file or pickled frame"):
        list(routerbench.read(tmp_path / "none"))


def test_two_frames_are_not_mixed(tmp_path: Path) -> None:
    for name in ("routerbench_0shot.pkl", "routerbench_5shot.pkl"):
        _frame(tmp_path / name, "2.2.3")
    with pytest.raises(DataError, match="give one of them"):
        list(routerbench.read(tmp_path))


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_a_pickle_never_runs_anything(tmp_path: Path) -> None:
    file, trace = tmp_path / "f.pkl", tmp_path / "trace"
    file.write_bytes(pickle.dumps({"pandas DataFrame BlockManager": _Evil(trace)}))
    with pytest.raises(DataError, match=r"asks for posix.system"):
        list(routerbench.read(file))
    assert not trace.exists()


def test_a_pickle_of_something_else_is_told(tmp_path: Path) -> None:
    file = tmp_path / "f.pkl"
    file.write_bytes(pickle.dumps([1, 2]))
    assert not routerbench.recognise(file)
    with pytest.raises(DataError, match="holds no pandas frame"):
        load_frame(file)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("plain", "plain"),
        ("['a\\nb']", "a\nb"),
        ("['a', \"it's\"]", "a\nit's"),
        (r"['\\ \' \x41 \u00e9 \U0001F600']", "\\ ' A é 😀"),
        ("['open]", "['open]"),
        ("[]", "[]"),
        ("[1, 2]", "[1, 2]"),
        (["a", 1, "b"], "a\nb"),
        (None, None),
        (1.5, None),
    ],
)
def test_prompts_are_lists_of_turns(cell: object, text: str | None) -> None:
    assert prompt_text(cell) == text


def test_lists_of_turns_are_read_back_as_python_prints_them() -> None:
    turns = ["a'b", 'c"d', "é\n\t\\", "both ' and \""]
    assert prompt_text(str(turns)) == "\n".join(turns)
    assert prompt_text(json.dumps(["x\ny"])) == "x\ny"


@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=damages())
def test_damaged_files_end_in_records_or_our_errors(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    for file in (_wide(tmp_path / "f.csv"), _frame(tmp_path / "f.pkl", "2.2.3")):
        file.write_bytes(damage(file.read_bytes()))
        ends_well(routerbench, file)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real files are not there")
def test_the_real_files_hold_the_scores_of_the_neutral_ones() -> None:
    folder = SHARED / "routerbench_subset"
    drafts = list(routerbench.read(folder / "raw" / "datasets" / "routerbench_zs"))
    assert {draft.name: draft.prompts.height for draft in drafts} == {
        "arc-challenge": 1470,
        "mbpp": 427,
        "winogrande": 1267,
    }
    assert equals_neutral(drafts, folder) > 30_000
    assert all(draft.costs is not None for draft in drafts)
