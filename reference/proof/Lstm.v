(* The LSTM (SPEC 15), with a projection and without: one step forward and backward, and the whole series. *)
From Coq Require Import List Reals Lra.
From BPTT Require Export Gates Unroll.
Import ListNotations.

Inductive gate := input | forget | cell | output.

Lemma gates_once : NoDup [input; forget; cell; output].
Proof. repeat constructor; simpl; intuition discriminate. Qed.

Definition gate_dec (g g' : gate) : {g = g'} + {g <> g'}.
Proof. decide equality. Defined.

(* 12.2: i, f, g, o. *)
Definition gates : indices := {| index := gate; listed := [input; forget; cell; output]; listed_once := gates_once;
  index_dec := gate_dec |}.

Section Cell.
Context {K : Type} {N : Numbers K} (sigmoid tanh : activation K) {B I H P : indices}.
Local Open Scope number_scope.

Definition parameters := gate_parameters K gates I H P.

Section Step.
Variables (p : parameters) (x : B -> I -> K) (h : B -> P -> K) (c : B -> H -> K).  (* h(t-1), c(t-1) *)

(* 15.1, 15.2. With a projection m(t) is what o and tanh(c) make, without it is h(t). *)
Definition a g : B -> H -> K := fun b k => affine x (W_ih p g) (b_ih p g) b k + affine h (W_hh p g) (b_hh p g) b k.
Definition i : B -> H -> K := fun b k => value sigmoid (a input b k).
Definition f : B -> H -> K := fun b k => value sigmoid (a forget b k).
Definition g : B -> H -> K := fun b k => value tanh (a cell b k).
Definition o : B -> H -> K := fun b k => value sigmoid (a output b k).
Definition c_next : B -> H -> K := fun b k => f b k * c b k + i b k * g b k.
Definition tanh_c : B -> H -> K := fun b k => value tanh (c_next b k).
Definition m_next : B -> H -> K := fun b k => o b k * tanh_c b k.

(* 15.4 and 15.5, from dm(t), which is dh(t) without a projection, and carry_c:
   the gradients of the parameters, of x(t), and carry_h and carry_c. *)
Definition backward (dm carry_c : B -> H -> K) : parameters * ((B -> I -> K) * ((B -> P -> K) * (B -> H -> K))) :=
  let do b k := dm b k * tanh_c b k in
  let dc b k := dm b k * o b k * slope tanh (tanh_c b k) + carry_c b k in
  let df b k := dc b k * c b k in
  let di b k := dc b k * g b k in
  let dg b k := dc b k * i b k in
  let da_o b k := do b k * slope sigmoid (o b k) in
  let da_g b k := dg b k * slope tanh (g b k) in
  let da_f b k := df b k * slope sigmoid (f b k) in
  let da_i b k := di b k * slope sigmoid (i b k) in
  let da g := match g with input => da_i | forget => da_f | cell => da_g | output => da_o end in
  let carry_c b k := dc b k * f b k in
  let carry_h b j := sum gates (fun g => through (da g) (W_hh p g) b j) in
  let dx b j := sum gates (fun g => through (da g) (W_ih p g) b j) in
  ((fun g => pooled (da g) x, fun g => pooled (da g) h, fun g => pooled_bias (da g), fun g => pooled_bias (da g)),
   (dx, (carry_h, carry_c))).
End Step.

(* 15.6: h(t) = W_hr m(t), without a bias. *)
Definition projected (W_hr : P -> H -> K) (m : B -> H -> K) : B -> P -> K := fun b i => sum H (fun j => m b j * W_hr i j).
End Cell.

Arguments parameters : clear implicits.
Open Scope R_scope.

Lemma every_gate (g : gates) : In g gates.
Proof. destruct g; simpl; auto. Qed.

Lemma sum_gates (f : gate -> R) : sum gates f = f input + f forget + f cell + f output.
Proof. change (listed gates) with [input; forget; cell; output]. rewrite !sum_cons, sum_nil. ring. Qed.

Lemma dot_gates {B J : indices} (d : gate -> Matrix B J) (y : Matrix B J) :
  dot (V := Matrix B J) (fun b j => sum gates (fun g => d g b j)) y = sum gates (fun g => dot (V := Matrix B J) (d g) y).
Proof.
  rewrite sum_gates, !dot_rows, <- !rows_sum. apply rows_ext. intros. rewrite sum_gates. ring.
Qed.

(* The same terms, by gate and by what they belong to. *)
Lemma by_gate xi wi bi yi ui ci xf wf bf yf uf cf xg wg bg yg ug cg xo wo bo yo uo co c :
  xi + wi + bi + (yi + ui + ci) + (xf + wf + bf + (yf + uf + cf)) + (xg + wg + bg + (yg + ug + cg)) + (xo + wo + bo + (yo + uo + co)) + c
  = wi + wf + wg + wo + (ui + uf + ug + uo) + (bi + bf + bg + bo) + (ci + cf + cg + co)
    + (xi + xf + xg + xo + (yi + yf + yg + yo + c)).
Proof. ring. Qed.

Lemma and_W_hr a b c d e f : a + c = d + (e + f) -> a + b + c = d + b + (e + f).
Proof. lra. Qed.

Section Gradient.
Context (sigmoid tanh : activation R) (B I H P : indices) (smooth_sigmoid : smooth sigmoid) (smooth_tanh : smooth tanh).

Definition Parameters : space := GateParameters gates I H P.
Definition States : space := Pair (Matrix B P) (Matrix B H).
Definition Inputs : space := Pair Parameters (Pair (Matrix B I) States).

Section At.
Variables (p : Parameters) (x : Matrix B I) (h : Matrix B P) (c : Matrix B H).
Let e : Inputs := (p, (x, (h, c))).

(* What a change v of parameters, x, h(t-1) and c(t-1) does to the argument of a gate. *)
Definition change_from_x g (v : Inputs) : Matrix B H :=
  fun s i => sum I (fun j => fst (snd v) s j * @W_ih R gates I H P p g i j + x s j * @W_ih R gates I H P (fst v) g i j)
             + @b_ih R gates I H P (fst v) g i.
Definition change_from_h g (v : Inputs) : Matrix B H :=
  fun s i => sum P (fun j => fst (snd (snd v)) s j * @W_hh R gates I H P p g i j + h s j * @W_hh R gates I H P (fst v) g i j)
             + @b_hh R gates I H P (fst v) g i.

Let dp : derivative (V := Inputs) (W := Parameters) (fun e => fst e) e (fun v => fst v).
Proof. apply derivative_linear, linear_fst. Qed.

Let rest : derivative (V := Inputs) (W := Pair (Matrix B I) States) (fun e => snd e) e (fun v => snd v).
Proof. apply derivative_linear, linear_snd. Qed.

Let dx : derivative (V := Inputs) (W := Matrix B I) (fun e => fst (snd e)) e (fun v => fst (snd v)).
Proof. exact (derivative_fst (U := Matrix B I) (W := States) e _ _ rest). Qed.

Let states : derivative (V := Inputs) (W := States) (fun e => snd (snd e)) e (fun v => snd (snd v)).
Proof. exact (derivative_snd (U := Matrix B I) (W := States) e _ _ rest). Qed.

Let dh : derivative (V := Inputs) (W := Matrix B P) (fun e => fst (snd (snd e))) e (fun v => fst (snd (snd v))).
Proof. exact (derivative_fst (U := Matrix B P) (W := Matrix B H) e _ _ states). Qed.

Let dc : derivative (V := Inputs) (W := Matrix B H) (fun e => snd (snd (snd e))) e (fun v => snd (snd (snd v))).
Proof. exact (derivative_snd (U := Matrix B P) (W := Matrix B H) e _ _ states). Qed.

Let act (s : activation R) (all : smooth s) (a a' : Inputs -> Matrix B H) (d : derivative (V := Inputs) (W := Matrix B H) a e a') :=
  rows_activation (V := Inputs) (B := B) (H := H) s a e a' (fun b k _ _ => all _) d.
Let plus := rows_plus (V := Inputs) (B := B) (H := H).
Let times := rows_times (V := Inputs) (B := B) (H := H).

Lemma derivative_a g :
  derivative (V := Inputs) (W := Matrix B H) (fun e => @a R _ B I H P (fst e) (fst (snd e)) (fst (snd (snd e))) g) e
    (fun v b k => change_from_x g v b k + change_from_h g v b k).
Proof.
  exact (plus _ _ e _ _
    (rows_affine (V := Inputs) (B := B) (I := I) (H := H) _ _ _ e _ _ _ dx
       (derivative_W_ih (V := Inputs) _ _ _ dp g (every_gate g)) (derivative_b_ih (V := Inputs) _ _ _ dp g (every_gate g)))
    (rows_affine (V := Inputs) (B := B) (I := P) (H := H) _ _ _ e _ _ _ dh
       (derivative_W_hh (V := Inputs) _ _ _ dp g (every_gate g)) (derivative_b_hh (V := Inputs) _ _ _ dp g (every_gate g)))).
Qed.

Lemma dot_change g (d : Matrix B H) v :
  sum B (fun b => sum H (fun k => d b k * (change_from_x g v b k + change_from_h g v b k)))
  = dot (V := Matrix B I) (through d (@W_ih R gates I H P p g)) (fst (snd v))
    + dot (V := Matrix H I) (pooled d x) (@W_ih R gates I H P (fst v) g)
    + dot (V := Vector H) (pooled_bias d) (@b_ih R gates I H P (fst v) g)
    + (dot (V := Matrix B P) (through d (@W_hh R gates I H P p g)) (fst (snd (snd v)))
    + dot (V := Matrix H P) (pooled d h) (@W_hh R gates I H P (fst v) g)
    + dot (V := Vector H) (pooled_bias d) (@b_hh R gates I H P (fst v) g)).
Proof.
  rewrite (rows_ext _ (fun b k => d b k * change_from_x g v b k + d b k * change_from_h g v b k)) by (intros; ring).
  rewrite rows_sum. f_equal.
  - exact (dot_affine (B := B) (I := I) (H := H) d x (fst (snd v)) (@W_ih R gates I H P p g) (@W_ih R gates I H P (fst v) g) _).
  - exact (dot_affine (B := B) (I := P) (H := H) d h (fst (snd (snd v))) (@W_hh R gates I H P p g) (@W_hh R gates I H P (fst v) g) _).
Qed.

Let di := act sigmoid smooth_sigmoid _ _ (derivative_a input).
Let df := act sigmoid smooth_sigmoid _ _ (derivative_a forget).
Let dg := act tanh smooth_tanh _ _ (derivative_a cell).
Let do := act sigmoid smooth_sigmoid _ _ (derivative_a output).
Let dc_next := plus _ _ e _ _ (times _ _ e _ _ df dc) (times _ _ e _ _ di dg).
Let dm := times _ _ e _ _ do (act tanh smooth_tanh _ _ dc_next).

(* Both m(t) and c(t), without a projection yet. *)
Definition m_and_c (e : Inputs) : Pair (Matrix B H) (Matrix B H) :=
  (@m_next R _ sigmoid tanh B I H P (fst e) (fst (snd e)) (fst (snd (snd e))) (snd (snd (snd e))),
   @c_next R _ sigmoid tanh B I H P (fst e) (fst (snd e)) (fst (snd (snd e))) (snd (snd (snd e)))).

Theorem m_and_c_adjoint :
  adjoint (V := Inputs) (W := Pair (Matrix B H) (Matrix B H)) m_and_c e
    (fun u => @backward R _ sigmoid tanh B I H P p x h c (fst u) (snd u)).
Proof.
  eexists. split; [exact (derivative_pair (V := Matrix B H) (W := Matrix B H) _ _ e _ _ dm dc_next) |]. clear.
  intros u v. rewrite dot_pair, !dot_rows, <- rows_sum.
  set (i_ := @i R _ sigmoid B I H P p x h). set (f_ := @f R _ sigmoid B I H P p x h). set (g_ := @g R _ tanh B I H P p x h).
  set (o_ := @o R _ sigmoid B I H P p x h). set (t_ := @tanh_c R _ sigmoid tanh B I H P p x h c).
  set (da_o := fun b k => fst u b k * t_ b k * slope sigmoid (o_ b k)).
  set (da_g := fun b k => (fst u b k * o_ b k * slope tanh (t_ b k) + snd u b k) * i_ b k * slope tanh (g_ b k)).
  set (da_f := fun b k => (fst u b k * o_ b k * slope tanh (t_ b k) + snd u b k) * c b k * slope sigmoid (f_ b k)).
  set (da_i := fun b k => (fst u b k * o_ b k * slope tanh (t_ b k) + snd u b k) * g_ b k * slope sigmoid (i_ b k)).
  set (dc_f := fun b k => (fst u b k * o_ b k * slope tanh (t_ b k) + snd u b k) * f_ b k).
  set (ch := fun g b k => change_from_x g v b k + change_from_h g v b k).
  transitivity (sum B (fun b => sum H (fun k =>
    da_i b k * ch input b k + da_f b k * ch forget b k + da_g b k * ch cell b k + da_o b k * ch output b k
    + dc_f b k * snd (snd (snd v)) b k))).
  { apply rows_ext. intros b k.
    set (c' := slope sigmoid (f_ b k) * ch forget b k * c b k + f_ b k * snd (snd (snd v)) b k
               + (slope sigmoid (i_ b k) * ch input b k * g_ b k + i_ b k * (slope tanh (g_ b k) * ch cell b k))).
    change (fst u b k * (slope sigmoid (o_ b k) * ch output b k * t_ b k + o_ b k * (slope tanh (t_ b k) * c')) + snd u b k * c'
     = da_i b k * ch input b k + da_f b k * ch forget b k + da_g b k * ch cell b k + da_o b k * ch output b k
       + dc_f b k * snd (snd (snd v)) b k).
    unfold c', da_i, da_f, da_g, da_o, dc_f. ring. }
  rewrite !rows_sum. unfold ch. rewrite !dot_change, <- (dot_rows (B := B) (H := H) dc_f).
  unfold Inputs at 1. unfold States at 1. rewrite !dot_pair. unfold Parameters. rewrite dot_gate_parameters, !sum_gates.
  unfold backward. cbv zeta. cbn [fst snd W_ih W_hh b_ih b_hh]. reals.
  fold i_ f_ g_ o_ t_. fold da_o da_g da_f da_i dc_f.
  rewrite (dot_pair (Matrix B P) (Matrix B H)). cbn [fst snd]. rewrite !(dot_gates (fun g => through _ _)), !sum_gates.
  apply by_gate.
Qed.
End At.

(* With a projection (15.6): h(t) = m(t) W_hrᵀ, one more parameter, and dm(t) = dh(t) W_hr. *)
Definition ProjectedParameters : space := Pair Parameters (Matrix P H).
Definition ProjectedInputs : space := Pair ProjectedParameters (Pair (Matrix B I) States).

Definition step_projected (t : nat) (e : ProjectedInputs) : States :=
  let m_c := m_and_c (fst (fst e), snd e) in (@projected R _ B H P (snd (fst e)) (fst m_c), snd m_c).

Definition backward_projected (p : ProjectedParameters) (x : Matrix B I) (h : Matrix B P) (c : Matrix B H) (u : States) : ProjectedInputs :=
  let m := @m_next R _ sigmoid tanh B I H P (fst p) x h c in
  let dm := @through R _ B H P (fst u) (snd p) in
  let dW_hr := @pooled R _ B H P (fst u) m in
  let d := @backward R _ sigmoid tanh B I H P (fst p) x h c dm (snd u) in
  ((fst d, dW_hr), snd d).

Theorem projected_adjoint t p x h c : adjoint (step_projected t) (p, (x, (h, c))) (backward_projected p x h c).
Proof.
  destruct p as [p W_hr]. destruct (m_and_c_adjoint p x h c) as [D [d dual]].
  set (e := ((p, W_hr), (x, (h, c))) : ProjectedInputs).
  assert (first : derivative (V := ProjectedInputs) (W := ProjectedParameters) (fun e => fst e) e (fun v => fst v))
    by apply derivative_linear, linear_fst.
  assert (others : derivative (V := ProjectedInputs) (W := Inputs) (fun e => (fst (fst e), snd e)) e (fun v => (fst (fst v), snd v))).
  { apply (derivative_pair (V := Parameters) (W := Pair (Matrix B I) States) (fun e : ProjectedInputs => fst (fst e)) (fun e => snd e)).
    - exact (derivative_fst (U := Parameters) (W := Matrix P H) e _ _ first).
    - apply derivative_linear, linear_snd. }
  pose proof (derivative_chain (U := ProjectedInputs) (V := Inputs) (W := Pair (Matrix B H) (Matrix B H)) _ m_and_c e _ D others d) as
    inner.
  pose proof (derivative_fst (U := Matrix B H) (W := Matrix B H) e _ _ inner) as dm.
  pose proof (derivative_snd (U := Matrix B H) (W := Matrix B H) e _ _ inner) as dc.
  pose proof (derivative_snd (U := Parameters) (W := Matrix P H) e _ _ first) as dW.
  pose proof (rows_product (V := ProjectedInputs) (B := B) (I := H) (H := P) _ _ e _ _ dm dW) as dh.
  eexists. split; [exact (derivative_pair (V := Matrix B P) (W := Matrix B H) _ _ e _ _ dh dc) |].
  intros u v. unfold States at 1. rewrite dot_pair. cbn [fst snd].
  rewrite (dot_product (B := B) (I := H) (H := P) (fst u)).
  specialize (dual (@through R _ B H P (fst u) W_hr, snd u) (fst (fst v), snd v)).
  unfold Inputs in dual. rewrite !dot_pair in dual. cbn [fst snd] in dual.
  unfold ProjectedInputs, ProjectedParameters at 1. rewrite !dot_pair. cbn [fst snd backward_projected].
  rewrite (dot_pair Parameters (Matrix P H)). exact (and_W_hr _ _ _ _ _ _ dual).
Qed.

(* Without a projection h(t) is m(t), P is H, and dm(t) is dh(t). *)
End Gradient.

Section Plain.
Context (sigmoid tanh : activation R) (B I H : indices) (smooth_sigmoid : smooth sigmoid) (smooth_tanh : smooth tanh).

Definition step (t : nat) (e : Inputs B I H H) : States B H H := m_and_c sigmoid tanh B I H H e.

Theorem plain_adjoint t p x h c :
  adjoint (step t) (p, (x, (h, c))) (fun u => @backward R _ sigmoid tanh B I H H p x h c (fst u) (snd u)).
Proof. now apply m_and_c_adjoint. Qed.
End Plain.

(* The whole series: h(-1) and c(-1) are a pair, and so are the two carries. *)
Section Series.
Context (sigmoid tanh : activation R) (B I H P : indices) (smooth_sigmoid : smooth sigmoid) (smooth_tanh : smooth tanh).

Definition back_plain (p : Parameters I H H) (x : nat -> Matrix B I) (s : States B H H) (t : nat) (u : States B H H) : Inputs B I H H :=
  let s := before (step sigmoid tanh B I H) p x s t in @backward R _ sigmoid tanh B I H H p (x t) (fst s) (snd s) (fst u) (snd u).

Theorem plain_series T p (x : Series T (Matrix B I)) s :
  adjoint (unrolled (step sigmoid tanh B I H) T) (p, (x, s)) (fun u => back (back_plain p x s) (fst u) T (snd u)).
Proof. apply back_is_adjoint. intros t _. unfold back_plain. destruct (before _ p x s t). now apply plain_adjoint. Qed.

Definition back_projected (p : ProjectedParameters I H P) (x : nat -> Matrix B I) (s : States B H P) (t : nat) (u : States B H P)
  : ProjectedInputs B I H P :=
  let s := before (step_projected sigmoid tanh B I H P) p x s t in backward_projected sigmoid tanh B I H P p (x t) (fst s) (snd s) u.

Theorem projected_series T p (x : Series T (Matrix B I)) s :
  adjoint (unrolled (step_projected sigmoid tanh B I H P) T) (p, (x, s)) (fun u => back (back_projected p x s) (fst u) T (snd u)).
Proof. apply back_is_adjoint. intros t _. unfold back_projected. destruct (before _ p x s t). now apply projected_adjoint. Qed.
End Series.

(* With the activations of the SPEC, without a condition, and for any differentiable divergence. *)
Theorem plain_gradient B I H T p (x : Series T (Matrix B I)) s DIV u :
  let step := step sigmoid Activations.tanh B I H in
  gradient DIV (unrolled step T (p, (x, s))) u ->
  gradient (fun y => DIV (unrolled step T y)) (p, (x, s)) (back (back_plain sigmoid Activations.tanh B I H p x s) (fst u) T (snd u)).
Proof.
  intros st d. apply (gradient_chain (unrolled st T) DIV (p, (x, s))
    _ u (plain_series sigmoid _ B I H smooth_sigmoid smooth_tanh T p x s) d).
Qed.

Theorem projected_gradient B I H P T p (x : Series T (Matrix B I)) s DIV u :
  let step := step_projected sigmoid Activations.tanh B I H P in
  gradient DIV (unrolled step T (p, (x, s))) u ->
  gradient (fun y => DIV (unrolled step T y)) (p, (x, s)) (back (back_projected sigmoid Activations.tanh B I H P p x s) (fst u) T (snd u)).
Proof.
  intros st d. apply (gradient_chain (unrolled st T) DIV (p, (x, s))
    _ u (projected_series sigmoid _ B I H P smooth_sigmoid smooth_tanh T p x s) d).
Qed.
